/**
 * What a server tells over its WebSocket. Events are a hint and never the truth: they may be missed,
 * held up by another client, or go to nobody. ComfyUI 0.3.64 sends a prompt's events only to the
 * client id it was submitted under, and `status`, the queue's length, to all.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "../../lib/logger.js";
import type { ServerLimits } from "../server-limits.js";
import type { ServerUrl } from "../server-url.js";
import { type ComfyEvent, type PromptEvent, parseEvent } from "./comfy-event.js";
import { EventSocket } from "./event-socket.js";

/** Who hears of one prompt. */
export interface PromptListener {
  readonly onEvent: (event: PromptEvent) => void;
  /** The length of the server's queue changed, by whatever prompt. */
  readonly onQueueChange: () => void;
}

/** What an events connection is made with. */
export interface ComfyEventsOptions {
  readonly url: ServerUrl;
  readonly limits: ServerLimits;
  readonly logger: Logger;
}

/**
 * The events of one server. One connection, opened when it is first needed and kept, with a new
 * client id each time, under which new prompts are submitted. A prompt submitted under another id,
 * by this process over an earlier connection or by one that died, is heard over a connection under
 * that id, for as long as somebody listens.
 */
export class ComfyEvents implements AsyncDisposable {
  readonly #options: ComfyEventsOptions;
  readonly #listeners = new Map<string, Set<PromptListener>>();
  readonly #others = new Map<string, { readonly socket: EventSocket; userCount: number }>();
  readonly #closings = new Set<Promise<void>>();
  #own: EventSocket | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #isDisposed = false;
  #pastAbnormalCloseCount = 0;

  constructor(options: ComfyEventsOptions) {
    this.#options = options;
  }

  /** How many connections ended without a farewell, as they do when the server's process ends. */
  get abnormalCloseCount(): number {
    const others = [...this.#others.values()].map(({ socket }) => socket.abnormalCloseCount);
    const own = this.#own?.abnormalCloseCount ?? 0;
    return others.reduce((sum, count) => sum + count, this.#pastAbnormalCloseCount + own);
  }

  /**
   * The client id to submit a prompt under. Waits for the connection, so that nothing is missed, but
   * not for long: without it the prompt runs as well.
   */
  async clientId(signal: AbortSignal): Promise<string> {
    const socket = this.#connect();
    await socket.greeted(GREETING_MS, signal);
    return socket.clientId;
  }

  /** Tells that a prompt was sent at `sentAtMs`: unless a frame comes soon, the connection is deaf and made anew. */
  expectStatus(sentAtMs: number): void {
    const socket = this.#own;
    if (socket === undefined || !socket.isHearing) return;
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => {
      const isDeaf = socket.isHearing && socket.heardAtMs < sentAtMs;
      if (isDeaf) socket.reconnect("no status for a new prompt");
    }, this.#options.limits.statusMs);
  }

  /** Calls the listener with what happens to a prompt, until what is returned is disposed. */
  listen(promptId: string, listener: PromptListener): Disposable {
    this.#connect();
    const listeners = this.#listeners.get(promptId) ?? new Set();
    this.#listeners.set(promptId, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(promptId);
      },
    };
  }

  /** Listens under the client id of a prompt too, where it is another than that of the connection. */
  hearAs(clientId: string): Disposable {
    if (this.#own?.clientId === clientId || this.#isDisposed)
      return { [Symbol.dispose]: () => undefined };
    const other = this.#others.get(clientId) ?? {
      socket: this.#open(() => clientId),
      userCount: 0,
    };
    this.#others.set(clientId, other);
    other.userCount += 1;
    return {
      [Symbol.dispose]: () => {
        other.userCount -= 1;
        if (other.userCount > 0) return;
        this.#others.delete(clientId);
        this.#close(other.socket);
      },
    };
  }

  /** The connection under a client id, if there is one. */
  socketOf(clientId: string): EventSocket | undefined {
    if (this.#own?.clientId === clientId) return this.#own;
    return this.#others.get(clientId)?.socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#statusTimer);
    for (const { socket } of this.#others.values()) this.#close(socket);
    if (this.#own !== undefined) this.#close(this.#own);
    await Promise.all(this.#closings);
  }

  #connect(): EventSocket {
    if (this.#isDisposed)
      throw new Error("The events of a server were asked for after its disposal");
    this.#own ??= this.#open(randomUUID);
    return this.#own;
  }

  #open(nextClientId: () => string): EventSocket {
    const onText = (text: string): void => this.#dispatch(text);
    return new EventSocket({ ...this.#options, nextClientId, onText });
  }

  #close(socket: EventSocket): void {
    this.#pastAbnormalCloseCount += socket === this.#own ? 0 : socket.abnormalCloseCount;
    const closing = socket[Symbol.asyncDispose]().finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
  }

  // A listener that throws is a bug, but none that may end the process.
  #dispatch(text: string): void {
    try {
      this.#tell(parseEvent(text));
    } catch (error) {
      this.#options.logger.error({ err: error }, "event listener failed");
    }
  }

  #tell(parsed: ComfyEvent | undefined): void {
    if (parsed === undefined) return;
    if (parsed.promptId === undefined) {
      for (const listeners of this.#listeners.values())
        for (const listener of listeners) listener.onQueueChange();
      return;
    }
    const { promptId, event } = parsed;
    for (const listener of this.#listeners.get(promptId) ?? []) listener.onEvent(event);
  }
}

const GREETING_MS = 1_000;
