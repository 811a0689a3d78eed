import { createProblem } from "../calls/problem.js";

/** What is refused before any handler sees it: the code and a sentence for each status. */
const REFUSALS = {
  400: ["INVALID_REQUEST", "Cannot read the request: it is no valid HTTP"],
  408: ["REQUEST_TIMEOUT", "Cannot read the request: it comes in too slowly"],
  431: ["HEADERS_TOO_LARGE", "Cannot read the request: its headers are too large"],
  503: ["SHUTTING_DOWN", "Cannot serve the request: the service is shutting down"],
} as const;

/** Statuses of refused requests. */
export type RefusalStatus = keyof typeof REFUSALS;

/**
 * The bytes of an HTTP/1.1 response to a request that no handler gets to see; the connection is to
 * be closed behind it.
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
