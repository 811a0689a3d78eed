import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { TaskError } from "../../domain/errors.js";
import type { AnyRequest } from "./exchanges.js";

/** How many of those above the limit are told so at the same time; the others are cut. */
const MAX_TOLD_COUNT = 100;
/** How long that may take. */
const TELL_MS = 2_000;
const RETRY_AFTER_MS = 5_000;

/**
 * Bounds the connections that are open at once. Requests over one above are answered so, for a few
 * seconds; then it is closed.
 */
export class ConnectionLimit {
  readonly #maxCount: number;
  #servedCount = 0;
  /** Above the limit: connections, and those of them that speak HTTP/2 as sessions too. */
  readonly #above = new Set<Socket | ServerHttp2Session>();
  #toldCount = 0;

  constructor(maxCount: number) {
    this.#maxCount = maxCount;
  }

  /** Takes note of a new connection. @returns false for one that was cut. */
  admit(socket: Socket): boolean {
    if (this.#servedCount < this.#maxCount) {
      this.#servedCount += 1;
      socket.once("close", () => {
        this.#servedCount -= 1;
      });
      return true;
    }
    if (this.#toldCount >= MAX_TOLD_COUNT) {
      socket.destroy();
      return false;
    }
    this.#tell(socket);
    return true;
  }

  /** Takes note of what an HTTP/2 connection was opened as. */
  opened(session: ServerHttp2Session, socket: Socket): void {
    if (!this.#above.has(socket)) return;
    this.#above.add(session);
    session.once("close", () => this.#above.delete(session));
  }

  /** @returns TOO_MANY_CONNECTIONS for a request over a connection above the limit. */
  refusal(request: AnyRequest): TaskError | undefined {
    const connection = "stream" in request ? request.stream.session : request.socket;
    if (connection === undefined || !this.#above.has(connection as Socket)) return undefined;
    const open = this.#maxCount === 1 ? "1 connection is" : `${this.#maxCount} connections are`;
    return new TaskError(
      "TOO_MANY_CONNECTIONS",
      `Cannot serve the request: ${open} open, as many as TMLSR_MAX_CONNECTIONS allows; close some, or try again later`,
      { retryAfterMs: RETRY_AFTER_MS },
    );
  }

  #tell(socket: Socket): void {
    this.#toldCount += 1;
    this.#above.add(socket);
    const timer = setTimeout(() => socket.destroy(), TELL_MS);
    socket.once("close", () => {
      clearTimeout(timer);
      this.#toldCount -= 1;
      this.#above.delete(socket);
    });
  }
}
