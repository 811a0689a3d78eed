import type { Socket } from "node:net";
import { type RefusalStatus, refusal } from "./refusal.js";

/**
 * Answers bytes that Node's HTTP/1.1 parser cannot read as a request, and closes the connection.
 */
export function answerClientError(error: Error & { readonly code?: string }, socket: Socket): void {
  if (error.code !== "ECONNRESET" && socket.writable) socket.end(refusal(statusOf(error.code)));
  socket.destroySoon();
}

function statusOf(code: string | undefined): RefusalStatus {
  if (code === "ERR_HTTP_REQUEST_TIMEOUT") return 408;
  return code === "HPE_HEADER_OVERFLOW" ? 431 : 400;
}
