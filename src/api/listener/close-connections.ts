import type { ServerHttp2Session } from "node:http2";
import type { Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import type { Exchanges } from "./exchanges.js";

/** Open connections, with their session if they speak HTTP/2. */
export type Connections = ReadonlyMap<Socket, ServerHttp2Session | undefined>;

/** How often connections are looked at. */
const POLL_MS = 50;

/** How long a client that was being served may take to read the last of it and to close by itself. */
const LINGER_MS = 2_000;

/**
 * Closes every connection as soon as it is in no exchange; requests that have not come in whole are
 * answered 503. What is left after `graceMs` is cut. Resolves when no connection is left; meanwhile
 * no new one may come.
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

/** The connections on which nothing is going on any more. */
function restingOf(connections: Connections, exchanges: Exchanges): Connections {
  const busy = exchanges.busy();
  // A session lets go of its socket when it has sent the last of what it had to send.
  const isResting = ([socket, session]: [Socket, ServerHttp2Session | undefined]) =>
    session === undefined ? !busy.has(socket) : session.socket === undefined;
  return new Map(Array.from(connections).filter(isResting));
}

/** Lets the client close first: cut while it still sends, it would lose what it has not read yet. */
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
