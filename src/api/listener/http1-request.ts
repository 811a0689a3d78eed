import { IncomingMessage } from "node:http";

/**
 * The class of requests that are an upgrade only if they ask for a WebSocket and are served at all.
 *
 * With any listener for 'upgrade', Node takes every `Upgrade` header for one, `h2c` included, which
 * curl and Java's HttpClient send with an ordinary request that wants an ordinary answer (RFC 9110,
 * section 7.8: a server may ignore the header). What is refused is answered as a request, too.
 */
export function http1RequestClass(
  isRefused: (request: IncomingMessage) => boolean,
): typeof IncomingMessage {
  return class Http1Request extends IncomingMessage {
    #upgrade = false;

    /** Node's parser sets it when it has read the headers, and looks at it to choose the event. */
    get upgrade(): boolean {
      const isWebSocket = this.headers.upgrade?.toLowerCase() === "websocket";
      return this.#upgrade && isWebSocket && !isRefused(this);
    }

    set upgrade(value: boolean | null) {
      // The constructor of the base class sets it before this class has its fields.
      if (#upgrade in this) this.#upgrade = value === true;
    }
  };
}
