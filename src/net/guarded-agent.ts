import { isIP } from "node:net";
import { Agent, buildConnector, type Dispatcher } from "undici";
import { type AddressGuard, addressNotAllowed, withoutBrackets } from "./address-guard.js";
import { ChunkedEnd } from "./chunked-end.js";

/** Limits of a guarded agent. */
export interface GuardedAgentOptions {
  /** Limit for name lookup, connecting and TLS handshake together. */
  readonly connectTimeoutMs: number;
  /** Limit from the sent request to the answer's headers. */
  readonly headersTimeoutMs: number;
  /** Limit between two pieces of a body. */
  readonly idleTimeoutMs: number;
}

/**
 * Makes an HTTP agent. The guard judges each connection three times: a literal address in the URL,
 * each address of a name before connecting, and the address of the open connection. The agent
 * follows no redirects.
 */
export function createGuardedAgent(guard: AddressGuard, options: GuardedAgentOptions): Dispatcher {
  const connect = buildConnector({
    lookup: guard.lookup,
    autoSelectFamily: true,
    timeout: options.connectTimeoutMs,
  });
  const ends = new ChunkedEnd();
  const agent = new Agent({
    connect: guardedConnector(connect, guard, ends),
    headersTimeout: options.headersTimeoutMs,
    bodyTimeout: options.idleTimeoutMs,
  });
  return agent.compose(ends.interceptor);
}

function guardedConnector(
  connect: buildConnector.connector,
  guard: AddressGuard,
  ends: ChunkedEnd,
): buildConnector.connector {
  return (target, callback) => {
    const host = withoutBrackets(target.hostname);
    // A literal address is never looked up, so it is judged here.
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
        ends.watch(socket);
        callback(null, socket);
        return;
      }
      socket.destroy();
      callback(addressNotAllowed(host, refusal), null);
    });
  };
}
