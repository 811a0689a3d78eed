import { request } from "undici";
import { TaskError } from "../domain/errors.js";
import { Deadline } from "../lib/deadline.js";
import { errorCode } from "../lib/error-code.js";
import type { AddressGuard } from "../net/address-guard.js";
import { createGuardedAgent } from "../net/guarded-agent.js";

/** How long a call may take, from the name lookup to the end of the answer. */
export const CALL_LIMIT_MS = 10_000;
/** As much of an answer is read: its content is of no use. */
const MAX_ANSWER_BYTES = 4096;

/** A call of a receiver. */
export interface Post {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** What a call came to. */
export interface PostResult {
  /** The HTTP status; absent: there was no answer. */
  readonly status?: number;
  readonly durationMs: number;
  /** Why there was no whole answer, in a few words, without the URL. */
  readonly error?: string;
  /** As the receiver asks for with `Retry-After`. */
  readonly retryAfterMs?: number;
}

/** How calls are made. */
export interface PostOptions {
  readonly guard: AddressGuard;
  /** Cuts the call. */
  readonly signal: AbortSignal;
  /** @default CALL_LIMIT_MS */
  readonly limitMs?: number;
}

/**
 * Calls a receiver over a connection of its own, whose address the guard judges. Redirects are not
 * followed: they are answers like others.
 *
 * @throws the reason of `signal` when it is aborted; nothing else.
 */
export async function post(
  { url, headers, body }: Post,
  { guard, signal: outer, limitMs = CALL_LIMIT_MS }: PostOptions,
): Promise<PostResult> {
  const startedAtMs = performance.now();
  const durationMs = (): number => performance.now() - startedAtMs;
  using deadline = new Deadline(outer, limitMs);
  const { signal } = deadline;
  const limits = { connectTimeoutMs: limitMs, headersTimeoutMs: limitMs, idleTimeoutMs: limitMs };
  const agent = createGuardedAgent(guard, limits);
  try {
    const answer = await request(url, {
      ...{ dispatcher: agent, method: "POST", body, signal },
      headers: { ...headers, "content-type": "application/json; charset=utf-8" },
    });
    // The status says it all: how the rest of the answer ends changes nothing.
    await readSome(answer.body).catch(() => undefined);
    const { statusCode: status } = answer;
    const retryAfterMs = toPauseMs(answer.headers["retry-after"]);
    return {
      status,
      durationMs: durationMs(),
      ...(retryAfterMs !== undefined && { retryAfterMs }),
    };
  } catch (error) {
    outer.throwIfAborted();
    return {
      durationMs: durationMs(),
      error: signal.aborted ? "no answer in time" : wordsOf(error),
    };
  } finally {
    await agent.destroy();
  }
}

/** Reads until the end or the limit, so that a receiver sees its answer taken. */
async function readSome(body: AsyncIterable<Buffer>): Promise<void> {
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size >= MAX_ANSWER_BYTES) return;
  }
}

/** Seconds or a date (RFC 9110, 10.2.3). */
function toPauseMs(header: string | string[] | undefined): number | undefined {
  const [value = ""] = [header ?? []].flat();
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  const ms = Date.parse(value) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(0, ms);
}

/** The texts of errors may hold the URL: only what is known to be harmless is told. */
function wordsOf(error: unknown): string {
  if (error instanceof TaskError) return "the address is not public and not allowed";
  const code = errorCode(error);
  return WORDS[code] ?? (code.startsWith("ERR_TLS") || CERTIFICATE.test(code) ? TLS : CUT);
}

const CUT = "the connection was cut, or what came is not HTTP";
const TLS = "its certificate is not trusted";
const CERTIFICATE = /CERT|SIGNATURE|ISSUER/;
const WORDS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "the connection was refused",
  ENOTFOUND: "its name does not exist",
  EAI_AGAIN: "its name cannot be looked up now",
  EHOSTUNREACH: "it cannot be reached",
  ENETUNREACH: "it cannot be reached",
  ETIMEDOUT: "no answer in time",
  UND_ERR_CONNECT_TIMEOUT: "no answer in time",
  UND_ERR_HEADERS_TIMEOUT: "no answer in time",
  UND_ERR_BODY_TIMEOUT: "no answer in time",
};
