import { createProblem } from "../calls/problem.js";

/**
 * Requests that are refused before a handler sees them: the code and a sentence for each status.
 */
const REFUSALS = {
  400: ["INVALID_REQUEST", "Cannot read the request: it is no valid HTTP"],
  408: ["REQUEST_TIMEOUT", "Cannot read the request: it comes in too slowly"],
  431: ["HEADERS_TOO_LARGE", "Cannot read the request: its headers are too large"],
  503: ["SHUTTING_DOWN", "Cannot serve the request: the service is shutting down"],
} as const;

/** The statuses of refused requests. */
export type RefusalStatus = keyof typeof REFUSALS;

/**
 * The bytes of an HTTP/1.1 response to a request that no handler sees. The connection must be
 * closed after it.
 */
export function refusal(status: RefusalStatus): string {
  const [code, detail] = REFUSALS[status];
  const { body } = createProblem(status, code, detail);
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${body.title}`,
    "Connection: close",
    "Content-Type: application/problem+json",
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  return `${lines.join("\r\n")}\r\n\r\n${text}`;
}
