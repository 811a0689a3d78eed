import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchanges } from "./exchanges.js";

/** Open connections, each with its session if it speaks HTTP/2. */
export type Connections = ReadonlyMap<Socket, ServerHttp2Session | undefined>;

/** How often connections are checked. */
const POLL_MS = 50;

/** How long a client may take to read the end of its answer and to close the connection itself. */
const LINGER_MS = 2_000;

/**
 * Closes every connection as soon as it has no exchange. Requests that have not arrived completely
 * are answered 503. After `graceMs` the remaining connections are cut. Resolves when no connection
 * is left. No new connection may be added meanwhile.
 */
export async function closeConnections(
  connections: Connections,
  exchanges: Exchanges,
  graceMs: number,
): Promise<void> {
  const cutAt = performance.now() + graceMs;
  const served = exchanges.busy();
  // Sends GOAWAY: open streams may end, new ones are refused.
  for (const session of connections.values()) session?.close();
  const restingSince = new Map<Socket, number>();
  while (connections.size > 0) {
    const resting = restingOf(connections, exchanges);
    for (const [socket, session] of resting)
      letGo(socket, restingSince, served.has(session ?? socket) ? LINGER_MS : POLL_MS);
    if (performance.now() >= cutAt) cut(connections);
    await sleep(POLL_MS);
    exchanges.refuseIncomplete();
  }
}

/** The connections without an exchange. */
function restingOf(connections: Connections, exchanges: Exchanges): Connections {
  const busy = exchanges.busy();
  // A session releases its socket when everything is sent.
  const isResting = ([socket, session]: [Socket, ServerHttp2Session | undefined]) =>
    session === undefined ? !busy.has(socket) : session.socket === undefined;
  return new Map(Array.from(connections).filter(isResting));
}

/**
 * Lets the client close first. If the service cut the connection while the client still sends, the
 * client would lose the part of the answer that it has not read.
 */
function letGo(socket: Socket, restingSince: Map<Socket, number>, lingerMs: number): void {
  const now = performance.now();
  const since = restingSince.get(socket) ?? now;
  restingSince.set(socket, since);
  if (now - since >= lingerMs) socket.destroy();
  else socket.end();
}

function cut(connections: Connections): void {
  for (const socket of connections.keys()) socket.destroy();
}
