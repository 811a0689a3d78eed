import { type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { text } from "node:stream/consumers";
import type { RestAnswer } from "./test-app.js";

/** The parts of a request other than method and path. */
export interface HttpCallOptions {
  readonly headers?: Readonly<Record<string, string>>;
  /** Text and bytes are sent unchanged, other values as JSON with its Content-Type. */
  readonly body?: unknown;
}

/** An answer with any body. */
export interface HttpAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The parsed body, if it is JSON. */
  readonly body: RestAnswer["body"];
}

/**
 * Sends a request exactly as it is given. In contrast to fetch, any path is allowed, and a body
 * with any method.
 */
export async function callHttp(
  url: string,
  method: string,
  path: string,
  { headers = {}, body }: HttpCallOptions = {},
): Promise<HttpAnswer> {
  const isJson = body !== undefined && typeof body !== "string" && !(body instanceof Uint8Array);
  const payload = isJson ? JSON.stringify(body) : body;
  const sent = { ...(isJson && { "content-type": "application/json" }), ...headers };
  const { hostname, port } = new URL(url);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const call = request({ hostname, port, method, path, headers: sent }, resolve);
    call.once("error", reject);
    // Like most clients, it states the length instead of sending chunks.
    if (payload !== undefined) call.setHeader("content-length", Buffer.byteLength(payload));
    call.end(payload);
  });
  const received = await text(response);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    text: received,
    body: isJsonAnswer(response) && received !== "" ? JSON.parse(received) : undefined,
  };
}

function isJsonAnswer({ headers }: IncomingMessage): boolean {
  return /^application\/(problem\+)?json/.test(headers["content-type"] ?? "");
}
