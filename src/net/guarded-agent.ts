import { setMaxListeners } from "node:events";
import { isIP } from "node:net";
import { Agent, buildConnector } from "undici";
import { type AddressGuard, addressNotAllowed, withoutBrackets } from "./address-guard.js";

/** How a guarded agent waits. */
export interface GuardedAgentOptions {
  /** Cuts every connection, also one that is still being made; it should live no longer than the agent. */
  readonly signal: AbortSignal;
  /** Looking up the name, connecting and the TLS handshake together. */
  readonly connectTimeoutMs: number;
  /** From the request sent to the answer's headers. */
  readonly headersTimeoutMs: number;
  /** Between two pieces of a body. */
  readonly idleTimeoutMs: number;
}

/**
 * Makes an HTTP agent whose every connection the guard has judged three times: the literal address
 * of a URL, each address of a name before connecting, and the address really connected to. It
 * follows no redirects.
 */
export function createGuardedAgent(guard: AddressGuard, options: GuardedAgentOptions): Agent {
  // Node takes a socket's listener off the signal only when that is collected: many are no leak here.
  setMaxListeners(0, options.signal);
  const connect = buildConnector({
    lookup: guard.lookup,
    autoSelectFamily: true,
    timeout: options.connectTimeoutMs,
    signal: options.signal,
  });
  return new Agent({
    connect: guardedConnector(connect, guard),
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.idleTimeoutMs,
  });
}

function guardedConnector(
  connect: buildConnector.connector,
  guard: AddressGuard,
): buildConnector.connector {
  return (target, callback) => {
    const host = withoutBrackets(target.hostname);
    // A literal address never reaches the lookup.
    const literal = isIP(host) === 0 ? undefined : guard.refusal(host, host);
    if (literal !== undefined) {
      queueMicrotask(() => callback(addressNotAllowed(host, literal), null));
      return;
    }
    connect(target, (error, socket) => {
      if (error !== null) {
        callback(error, null);
        return;
      }
      const address = socket.remoteAddress;
      const refusal = address === undefined ? undefined : guard.refusal(address, host);
      if (refusal === undefined) {
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(addressNotAllowed(host, refusal), null);
    });
  };
}
