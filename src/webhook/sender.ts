import { setTimeout as sleep } from "node:timers/promises";
import { Deadline } from "../lib/deadline.js";
import { defined } from "../lib/defined.js";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { AddressGuard } from "../net/address-guard.js";
import type { DeliveryTry, LeasedDelivery, WebhookOutbox } from "../store/webhook-outbox.js";
import { isTaken, verdictOf } from "./pace.js";
import { CALL_LIMIT_MS, type PostResult, post } from "./post.js";
import { Receivers } from "./receivers.js";
import { signedHeaders } from "./sign.js";

/** What a sender works with. */
export interface WebhookSenderOptions {
  readonly outbox: WebhookOutbox;
  /** Judges every address that is connected to. */
  readonly guard: AddressGuard;
  /** Each of them signs; at least one. */
  readonly secrets: readonly string[];
  /** Writes what a receiver gets. */
  readonly write: (delivery: LeasedDelivery) => Promise<string>;
  readonly userAgent: string;
  readonly logger: Logger;
  /** Told of each call. */
  readonly onCall?: (result: PostResult, isTaken: boolean) => void;
  /** How long a call may take. @default CALL_LIMIT_MS */
  readonly callLimitMs?: number;
  /** How often to look for what others have stored or has become due. @default 2000 */
  readonly pollMs?: number;
  /** Milliseconds since some moment, for the pauses of receivers. @default performance.now */
  readonly now?: () => number;
}

/** Calls that may be open at once, and of them to one receiver. */
const MAX_OPEN = 10;
const MAX_PER_RECEIVER = 2;
const WRITE_LIMIT_MS = 10_000;
/** As long as writing and calling may take, and storing what came of it. */
const LEASE_MS = WRITE_LIMIT_MS + CALL_LIMIT_MS + 10_000;
const POLL_MS = 2_000;
/** How long open calls may still take when the service stops. */
const STOP_MS = 5_000;
const GIVE_UP_PAUSE_MS = 60_000;
/** Tasks whose events are given up in one step. */
const GIVE_UP_COUNT = 100;

/**
 * Tells receivers the events that are due, each at least once. It wakes when this process stores an
 * event or a call has ended, and looks every few seconds for everything else. A receiver that fails
 * is left alone for a while, so that however much there is for it costs nothing.
 */
export class WebhookSender implements AsyncDisposable {
  readonly #options: WebhookSenderOptions;
  readonly #receivers: Receivers;
  readonly #stop = new AbortController();
  readonly #cut = new AbortController();
  readonly #open = new Set<Promise<void>>();
  readonly #giveUps: AsyncDisposable;
  readonly #loop: Promise<void>;
  #wake = new AbortController();

  constructor(options: WebhookSenderOptions) {
    this.#options = options;
    this.#receivers = new Receivers(options.now ?? (() => performance.now()));
    const onError = (err: unknown): void => this.#warn(err, "old webhooks not given up");
    this.#giveUps = repeat((signal) => this.#giveUp(signal), {
      pauseMs: GIVE_UP_PAUSE_MS,
      onError,
    });
    this.#loop = this.#run();
  }

  /** Begins no more calls, and waits a moment for those that are open. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    this.#wake.abort();
    await this.#giveUps[Symbol.asyncDispose]();
    await this.#loop;
    const ended = Promise.all(this.#open);
    using limit = new Deadline(this.#cut.signal, STOP_MS);
    await untilAborted(ended, limit.signal).catch(() => undefined);
    this.#cut.abort();
    await ended;
  }

  async #run(): Promise<void> {
    const { outbox, pollMs = POLL_MS } = this.#options;
    const end = outbox.onStored(() => this.#wake.abort());
    while (!this.#stop.signal.aborted) {
      this.#wake = new AbortController();
      const { signal } = this.#wake;
      await this.#begin().catch((err: unknown) => this.#warn(err, "webhooks cannot be read"));
      if (this.#stop.signal.aborted) break;
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
    end();
  }

  /** Begins as many calls as there may be. */
  async #begin(): Promise<void> {
    const { outbox } = this.#options;
    for (;;) {
      const limit = MAX_OPEN - this.#open.size;
      if (limit <= 0 || this.#stop.signal.aborted) return;
      const request = { leaseMs: LEASE_MS, limit, perReceiver: MAX_PER_RECEIVER };
      const leasedAtMs = performance.now();
      const leased = await outbox.lease({ ...request, except: this.#receivers.busy() });
      if (leased.length === 0) return;
      for (const delivery of leased) this.#track(delivery, leasedAtMs);
    }
  }

  #track(delivery: LeasedDelivery, leasedAtMs: number): void {
    this.#receivers.begin(delivery.receiver);
    const call = this.#tell(delivery, leasedAtMs)
      .catch((err: unknown) => {
        if (!this.#cut.signal.aborted) this.#warn(err, "a webhook's end was not stored");
      })
      .finally(() => {
        this.#open.delete(call);
        this.#wake.abort();
      });
    this.#open.add(call);
  }

  async #tell(delivery: LeasedDelivery, leasedAtMs: number): Promise<void> {
    const { receiver, tryCount, taskId, event } = delivery;
    let hasFailed = true;
    try {
      const result = await this.#call(delivery, leasedAtMs);
      const verdict = verdictOf(result, tryCount);
      hasFailed = verdict.kind === "again";
      this.#options.onCall?.(result, isTaken(result));
      const { status, durationMs } = result;
      this.#options.logger.debug({ taskId, event, status, durationMs }, "webhook called");
      await this.#options.outbox.settle(delivery, verdict, toTry(result));
    } finally {
      this.#receivers.end(receiver, hasFailed);
    }
  }

  async #call(delivery: LeasedDelivery, leasedAtMs: number): Promise<PostResult> {
    const { guard, secrets, userAgent, callLimitMs: limitMs = CALL_LIMIT_MS } = this.#options;
    const startedAtMs = performance.now();
    const { signal } = this.#cut;
    let body: string;
    try {
      using limit = new Deadline(signal, WRITE_LIMIT_MS);
      body = await untilAborted(this.#options.write(delivery), limit.signal);
    } catch (err) {
      signal.throwIfAborted();
      this.#warn(err, "a webhook cannot be written");
      return { durationMs: performance.now() - startedAtMs, error: "it could not be written" };
    }
    // A process that was frozen meanwhile may have lost the lease: then another one tells it.
    if (performance.now() - leasedAtMs > LEASE_MS - limitMs) throw new Error("Too late to call");
    const signed = signedHeaders(secrets, delivery.deliveryId, new Date(), body);
    const headers = { ...signed, "user-agent": userAgent };
    return await post({ url: delivery.url, headers, body }, { guard, signal, limitMs });
  }

  async #giveUp(signal: AbortSignal): Promise<void> {
    for (let count = GIVE_UP_COUNT; count === GIVE_UP_COUNT && !signal.aborted; ) {
      count = await this.#options.outbox.giveUp(GIVE_UP_COUNT);
      if (count > 0) this.#options.logger.warn({ count }, "webhooks given up after a day");
    }
  }

  #warn(err: unknown, message: string): void {
    this.#options.logger.warn({ err }, `${message}, trying again`);
  }
}

/** What is kept of a call. */
function toTry(result: PostResult): Omit<DeliveryTry, "at" | "tryCount"> {
  const { status, durationMs, error = isTaken(result) ? undefined : refusalOf(result) } = result;
  return { durationMs, ...defined({ status, error }) };
}

function refusalOf({ status = 0 }: PostResult): string {
  return status >= 300 && status < 400 ? "redirects are not followed" : "it was refused";
}
