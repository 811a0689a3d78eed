import { IncomingMessage } from "node:http";

/**
 * A request that is an upgrade only if it asks for a WebSocket.
 *
 * With any listener for 'upgrade', Node takes every `Upgrade` header for one, `h2c` included, which
 * curl and Java's HttpClient send with an ordinary request that wants an ordinary answer (RFC 9110,
 * section 7.8: a server may ignore the header).
 */
export class Http1Request extends IncomingMessage {
  #upgrade = false;

  /** Node's parser sets it when it has read the headers, and looks at it to choose the event. */
  get upgrade(): boolean {
    return this.#upgrade && this.headers.upgrade?.toLowerCase() === "websocket";
  }

  set upgrade(value: boolean | null) {
    // The constructor of the base class sets it before this class has its fields.
    if (#upgrade in this) this.#upgrade = value === true;
  }
}
