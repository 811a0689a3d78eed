import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import * as http from "node:http";
import * as https from "node:https";
import type { LookupFunction } from "node:net";
import { pipeline, type Readable } from "node:stream";
import { defined } from "../../lib/defined.js";

/** A request that the SDK makes to its HTTP client. */
export interface SdkRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string | number | undefined>>;
  readonly stream?: Readable;
  readonly content?: string | Buffer;
  /** Used here as the limit for an idle connection. A whole request may take any time. */
  readonly timeout: number;
  /**
   * The body of a successful answer is passed on as a stream. It must be read to its end or
   * destroyed.
   */
  readonly customResponse?: boolean;
}

/** The answer that the SDK expects. */
export interface SdkAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly data: Buffer;
  /**
   * The value that the SDK passes on: the stream if one was requested, otherwise the answer itself.
   */
  readonly res: IncomingMessage | Omit<SdkAnswer, "res">;
}

/** Options of {@link OssTransport}. */
export interface OssTransportOptions {
  /** Aborts all requests. */
  readonly signal: AbortSignal;
  readonly isSecure: boolean;
  /** @default the system's resolver */
  readonly lookup?: LookupFunction;
}

/**
 * An HTTP client that replaces the SDK's own. The SDK's client limits the total time of a request,
 * cannot be aborted, and sends a wrong host name to servers that are called by IP address.
 * Connections are kept open until disposal.
 */
export class OssTransport implements Disposable {
  readonly #options: OssTransportOptions;
  readonly #agent: http.Agent;

  constructor(options: OssTransportOptions) {
    this.#options = options;
    this.#agent = new (options.isSecure ? https : http).Agent({ keepAlive: true });
  }

  /**
   * Sends one request and reads its answer, whatever its status. @throws an error with status -1 if
   * no answer comes
   */
  async request(url: string, call: SdkRequest): Promise<SdkAnswer> {
    try {
      const { statusCode: status = 0, headers, data, stream } = await this.#send(url, call);
      return { status, headers, data, res: stream ?? { status, headers, data } };
    } catch (thrown) {
      // The SDK keeps only name and message. It takes the status -1 for "no answer".
      const { message, code } = thrown as NodeJS.ErrnoException;
      throw Object.assign(new Error(message, { cause: thrown }), {
        name: code ?? "Error",
        status: -1,
      });
    }
  }

  #send(url: string, call: SdkRequest): Promise<Answer> {
    const { method, headers, stream, content, timeout } = call;
    const { signal, isSecure, lookup } = this.#options;
    const { host: _, ...others } = headers;
    return new Promise((resolve, reject) => {
      const request = (isSecure ? https : http).request(url, {
        ...{ method, headers: others, agent: this.#agent, signal, timeout },
        ...defined({ lookup }),
      });
      request.on("error", reject);
      request.on("timeout", () => request.destroy(stalledError(timeout)));
      request.on("response", (response) => {
        if (call.customResponse === true && isGood(response)) {
          resolve({ ...headOf(response), data: Buffer.alloc(0), stream: response });
          return;
        }
        readAnswer(response)
          .then(resolve, reject)
          // If the answer came early, the body is only partly sent and the connection cannot be
          // used again.
          .finally(() => request.writableFinished || request.destroy());
      });
      if (stream === undefined) request.end(content);
      else pipeline(stream, request, (error) => error && reject(error));
    });
  }

  /** Closes all connections. Running requests fail. */
  [Symbol.dispose](): void {
    this.#agent.destroy();
  }
}

interface Answer {
  readonly statusCode: number | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly data: Buffer;
  readonly stream?: IncomingMessage;
}

function isGood({ statusCode = 0 }: IncomingMessage): boolean {
  return statusCode >= 200 && statusCode < 300;
}

function headOf({ statusCode, headers }: IncomingMessage): Omit<Answer, "data"> {
  return { statusCode, headers };
}

/** A list of 1 000 parts takes 300 kB. */
const MAX_ANSWER_BYTES = 8 * 1024 * 1024;

async function readAnswer(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  let sizeBytes = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length;
    if (sizeBytes > MAX_ANSWER_BYTES) throw new Error("The answer is too large");
    chunks.push(chunk);
  }
  return { ...headOf(response), data: Buffer.concat(chunks) };
}

function stalledError(idleMs: number): Error {
  return Object.assign(new Error(`no byte moved for ${idleMs / 1000} s`), { code: "STALLED" });
}
