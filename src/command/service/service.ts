import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { backoffMs } from "../../lib/backoff.js";
import { CommandFailure, EXIT } from "../failure.js";
import { documents } from "./documents.js";

/** A request that the service answered with a problem. */
export class Refusal extends CommandFailure {
  readonly code: string;
  readonly status: number;
  /** When the service said that it may be asked again; 0 where it did not say. */
  readonly retryAfterMs: number;

  constructor({ status, headers }: Response, code: string, message: string) {
    super(EXIT.refused, message);
    this.status = status;
    this.code = code;
    this.retryAfterMs = Number(headers.get("retry-after") ?? 0) * 1_000;
  }
}

/** A call of the REST API. */
export interface Call {
  readonly method?: "GET" | "POST" | "DELETE";
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal: AbortSignal;
}

/** How long a service that does not answer is tried again: one that answered before may be restarting. */
const PATIENCE_MS = { first: 5_000, later: 120_000 };
const PAUSE = { baseMs: 250, capMs: 5_000 };
const CALL_MS = 60_000;

/** The REST API of one service. Every call may be repeated: a create carries an idempotency key. */
export class Service {
  readonly baseUrl: string;
  readonly #key: string | undefined;
  #wasReached = false;

  /**
   * @param baseUrl e.g. `http://localhost:6008`
   * @param key undefined: the service asks for none.
   */
  constructor(baseUrl: string, key?: string) {
    this.#key = key;
    this.baseUrl = baseUrl.replace(/\/+$/, "");
  }

  /**
   * Calls the service and checks its answer.
   *
   * @throws Refusal for a problem document, CommandFailure (unreachable) when it does not answer for
   *   long.
   */
  async call<T extends z.ZodType>(path: string, answer: T, call: Call): Promise<z.infer<T>> {
    return await this.patiently(call.signal, async () => {
      const response = await this.fetch(path, call, AbortSignal.timeout(CALL_MS));
      const parsed = answer.safeParse(await response.json());
      if (parsed.success) return parsed.data;
      throw new CommandFailure(
        EXIT.refused,
        `${this.baseUrl} answers ${path} with something else than TMLSR does`,
      );
    });
  }

  /** One request; its answer is a success. @throws Refusal */
  async fetch(path: string, call: Call, limit?: AbortSignal): Promise<Response> {
    const { method = "GET", body, headers = {}, signal } = call;
    return await this.send(`${this.baseUrl}${path}`, {
      method,
      headers: { accept: "application/json", ...contentType(body), ...headers },
      signal: limit === undefined ? signal : AbortSignal.any([signal, limit]),
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }

  /** One request whose body may be a stream. @throws Refusal */
  async send(url: string, init: RequestInit): Promise<Response> {
    // Node's fetch demands it with a body that is a stream.
    const headers = { ...(init.headers as Record<string, string>), ...this.#keyHeaders(url) };
    const response = await fetch(url, { ...init, headers, duplex: "half" });
    this.#wasReached = true;
    if (response.ok) return response;
    throw await refusalOf(response);
  }

  /** Repeats what fails because the service does not answer, for a while. */
  async patiently<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    const beganAtMs = performance.now();
    for (let tries = 1; ; tries += 1) {
      try {
        return await work();
      } catch (error) {
        signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        const patienceMs = this.#wasReached ? PATIENCE_MS.later : PATIENCE_MS.first;
        if (performance.now() - beganAtMs >= patienceMs) throw this.#givenUp(error);
      }
      await sleep(backoffMs(tries, PAUSE), undefined, { signal });
    }
  }

  /** The key is for the service alone: results may be kept elsewhere. */
  #keyHeaders(url: string): Record<string, string> {
    const isOwn = new URL(url).origin === new URL(this.baseUrl).origin;
    return this.#key !== undefined && isOwn ? { authorization: `Bearer ${this.#key}` } : {};
  }

  #givenUp(cause: unknown): CommandFailure {
    if (cause instanceof Refusal) return cause;
    return new CommandFailure(
      EXIT.unreachable,
      `${this.baseUrl} does not answer; start the service with "tmlsr serve", or name another with TMLSR_URL or --url`,
      { cause },
    );
  }
}

function contentType(body: unknown): Record<string, string> {
  return body === undefined ? {} : { "content-type": "application/json" };
}

async function refusalOf(response: Response): Promise<Refusal> {
  const parsed = documents.problem.safeParse(await response.json().catch(() => undefined));
  if (!parsed.success)
    return new Refusal(response, "", `${response.url} answers ${response.status}`);
  const { code, detail, errors } = parsed.data;
  const more = errors.map(({ field, message }) => `\n  ${field}: ${message}`).join("");
  return new Refusal(response, code, `${detail}${more}`);
}

/** Statuses of a service that restarts, is busy, or of a gateway in front of one. */
const PASSING_STATUSES: ReadonlySet<number> = new Set([429, 502, 503, 504]);

function isPassing(error: unknown): boolean {
  if (error instanceof Refusal)
    return PASSING_STATUSES.has(error.status) && error.retryAfterMs <= PATIENCE_MS.later;
  // Node's fetch throws a TypeError for every failure of the connection, and the limit's own error.
  return error instanceof TypeError || (error instanceof Error && error.name === "TimeoutError");
}
