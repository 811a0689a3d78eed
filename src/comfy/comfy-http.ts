/**
 * HTTP calls to one server: keep-alive connections, time limits, and a TaskError for every failure.
 * ComfyUI 0.3.64 answers a POST to `/queue`, `/interrupt`, `/history` and `/free` with 200 and an
 * empty body.
 */
import { Agent, type Dispatcher } from "undici";
import type { z } from "zod";
import type { Json } from "../domain/task.js";
import { Deadline } from "../lib/deadline.js";
import {
  type Attempted,
  callError,
  isRefused,
  networkError,
  nonsenseError,
  statusError,
} from "./comfy-errors.js";
import type { ServerUrl } from "./server-url.js";

/** One call. */
export interface HttpCall {
  /** For messages, e.g. "read the queue of". */
  readonly action: string;
  readonly method?: "GET" | "HEAD" | "POST";
  /** Its segments must already be encoded. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: Json | object;
  readonly signal: AbortSignal;
  /** Time limit for the whole answer. */
  readonly limitMs: number;
}

/** An answer whose body has been read completely. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: OpenAnswer["headers"];
  readonly text: string;
}

/** An answer whose body must still be read or destroyed. */
export type OpenAnswer = Dispatcher.ResponseData;

/** Makes the calls to one server. */
export class ComfyHttp implements AsyncDisposable {
  readonly #url: ServerUrl;
  readonly #agent: Agent;
  #refusedCount = 0;

  constructor(url: ServerUrl, connectMs: number) {
    this.#url = url;
    // The limits are set here for each call. Undici's own limits are only accurate to a second.
    this.#agent = new Agent({ connect: { timeout: connectMs }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** How many calls have been refused a connection so far. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** The action and the server, for messages. */
  attempted(action: string): Attempted {
    return { action, address: this.#url.address };
  }

  /**
   * Makes a call and checks the JSON of a 200. @throws TaskError of the server family for any other
   * answer
   */
  async read<T>(call: HttpCall, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.call(call);
    if (answer.statusCode !== 200)
      throw statusError(this.attempted(call.action), answer.statusCode);
    return this.parse(call, answer.text, schema);
  }

  /**
   * Makes a call that succeeds with any 2xx. @throws TaskError of the server family for any other
   * answer
   */
  async send(call: HttpCall): Promise<void> {
    const { statusCode } = await this.call({ method: "POST", ...call });
    if (statusCode < 200 || statusCode > 299)
      throw statusError(this.attempted(call.action), statusCode);
  }

  /**
   * Makes a call and returns the answer whatever its status. @throws TaskError SERVER_UNREACHABLE
   * without an answer
   */
  async call(call: HttpCall): Promise<HttpAnswer> {
    using deadline = new Deadline(call.signal, call.limitMs);
    return await this.translated(call, async () => {
      const body = call.json === undefined ? null : JSON.stringify(call.json);
      const { statusCode, headers, body: rest } = await this.open(call, deadline.signal, body);
      return { statusCode, headers, text: await readText(rest, this.attempted(call.action)) };
    });
  }

  /** Sends a request and returns when the headers have arrived. Throws undici's own errors. */
  async open(
    call: Pick<HttpCall, "method" | "path" | "query" | "headers" | "json">,
    signal: AbortSignal,
    body: Dispatcher.DispatchOptions["body"] = null,
  ): Promise<OpenAnswer> {
    const url = this.#url.http(call.path, call.query);
    const answer = await this.#agent.request({
      origin: url.origin,
      path: url.pathname + url.search,
      method: call.method ?? "GET",
      headers: {
        ...this.#url.headers,
        ...(call.json !== undefined && { "content-type": "application/json" }),
        ...call.headers,
      },
      body,
      signal,
    });
    // If a body breaks while nobody reads it, an error without a listener would end the process. A
    // reader gets the error all the same.
    answer.body.on("error", () => undefined);
    return answer;
  }

  /** Runs a call and translates its errors. The caller's own abort is thrown unchanged. */
  async translated<T>(
    call: Pick<HttpCall, "action" | "signal">,
    run: () => Promise<T>,
  ): Promise<T> {
    try {
      return await run();
    } catch (error) {
      call.signal.throwIfAborted();
      if (isRefused(error)) this.#refusedCount += 1;
      throw networkError(this.attempted(call.action), error);
    }
  }

  /** Checks JSON against a schema. @throws TaskError SERVER_FAULT if it does not fit */
  parse<T>(call: Pick<HttpCall, "action">, text: string, schema: z.ZodType<T>): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw nonsenseError(this.attempted(call.action), error);
    }
  }

  /** Aborts all running calls and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

// A queue contains whole graphs and a history whole tracebacks, but no honest answer is larger than
// this.
const MAX_ANSWER_BYTES = 64 * 1024 * 1024;

async function readText(body: OpenAnswer["body"], attempted: Attempted): Promise<string> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES)
      throw callError("SERVER_FAULT", attempted, "its answer is too large");
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}
