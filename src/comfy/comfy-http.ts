/**
 * HTTP to one server: keep-alive connections of its own, time limits, and every failure a TaskError.
 * ComfyUI 0.3.64: `/queue`, `/interrupt`, `/history` and `/free` answer a POST with 200 and nothing.
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
  /** For messages: "read the queue of". */
  readonly action: string;
  readonly method?: "GET" | "HEAD" | "POST";
  /** With encoded segments. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly json?: Json | object;
  readonly signal: AbortSignal;
  /** For the whole answer. */
  readonly limitMs: number;
}

/** An answer, read to its end. */
export interface HttpAnswer {
  readonly statusCode: number;
  readonly headers: OpenAnswer["headers"];
  readonly text: string;
}

/** An answer whose body is still to be read or destroyed. */
export type OpenAnswer = Dispatcher.ResponseData;

/** Makes the calls to one server. */
export class ComfyHttp implements AsyncDisposable {
  readonly #url: ServerUrl;
  readonly #agent: Agent;
  #refusedCount = 0;

  constructor(url: ServerUrl, connectMs: number) {
    this.#url = url;
    // The limits are ours: undici's own are a second coarse.
    this.#agent = new Agent({ connect: { timeout: connectMs }, headersTimeout: 0, bodyTimeout: 0 });
  }

  /** How many calls were refused a connection so far. */
  get refusedCount(): number {
    return this.#refusedCount;
  }

  /** Who was asked for what, for messages. */
  attempted(action: string): Attempted {
    return { action, address: this.#url.address };
  }

  /** Calls, and guards the JSON of a 200. @throws TaskError of the server family for anything else */
  async read<T>(call: HttpCall, schema: z.ZodType<T>): Promise<T> {
    const answer = await this.call(call);
    if (answer.statusCode !== 200)
      throw statusError(this.attempted(call.action), answer.statusCode);
    return this.parse(call, answer.text, schema);
  }

  /** Calls where only a 2xx counts. @throws TaskError of the server family for anything else */
  async send(call: HttpCall): Promise<void> {
    const { statusCode } = await this.call({ method: "POST", ...call });
    if (statusCode < 200 || statusCode > 299)
      throw statusError(this.attempted(call.action), statusCode);
  }

  /** Calls and answers whatever the server answered. @throws TaskError SERVER_UNREACHABLE without an answer */
  async call(call: HttpCall): Promise<HttpAnswer> {
    using deadline = new Deadline(call.signal, call.limitMs);
    return await this.translated(call, async () => {
      const body = call.json === undefined ? null : JSON.stringify(call.json);
      const { statusCode, headers, body: rest } = await this.open(call, deadline.signal, body);
      return { statusCode, headers, text: await readText(rest, this.attempted(call.action)) };
    });
  }

  /** Sends a request and answers once the headers have come. Throws what undici throws. */
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
    // One that breaks while nobody reads from it would take the process with it; who reads is told.
    answer.body.on("error", () => undefined);
    return answer;
  }

  /** Runs what calls, and translates what it throws; an abort of the caller's goes through as it is. */
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

  /** Guards JSON. @throws TaskError SERVER_FAULT for what does not fit */
  parse<T>(call: Pick<HttpCall, "action">, text: string, schema: z.ZodType<T>): T {
    try {
      return schema.parse(JSON.parse(text));
    } catch (error) {
      throw nonsenseError(this.attempted(call.action), error);
    }
  }

  /** Cuts what is still under way and closes all connections. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#agent.destroy();
  }
}

// A queue carries whole graphs and a history whole tracebacks, but no honest answer is larger.
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
