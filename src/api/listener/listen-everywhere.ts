import { once } from "node:events";
import { createServer, type Server, type Socket } from "node:net";

/** How many ports are tried to find one that is free on every host. */
const MAX_TRIES = 20;

/**
 * Listens on every host at one port. With port 0, a free port is chosen that is the same for all
 * hosts. "::1" is left out if the machine has no IPv6.
 *
 * @throws Error that names the host on which it cannot listen. Then it listens on none.
 */
export async function listenEverywhere(
  hosts: readonly string[],
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<readonly Server[]> {
  for (let tries = 1; port === 0 && tries < MAX_TRIES; tries += 1) {
    try {
      return await listenOnAll(hosts, port, onConnection);
    } catch (error) {
      if (!isTaken(error)) throw error;
    }
  }
  return await listenOnAll(hosts, port, onConnection);
}

/** The port that a server listens on. */
export function portOf(server: Server | undefined): number | undefined {
  const address = server?.address();
  return typeof address === "object" ? address?.port : undefined;
}

/** The address a server listens on; empty: it does not. */
export function addressOf(server: Server): string {
  const address = server.address();
  return typeof address === "object" ? (address?.address ?? "") : "";
}

/** The URL of what a server listens on. */
export function urlOf(server: Server): string {
  const address = addressOf(server);
  const host = address.includes(":") ? `[${address}]` : address;
  return `http://${host}:${portOf(server)}`;
}

async function listenOnAll(
  hosts: readonly string[],
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<readonly Server[]> {
  const servers: Server[] = [];
  try {
    for (const host of hosts) {
      const server = await listen(host, portOf(servers[0]) ?? port, onConnection);
      if (server !== undefined) servers.push(server);
    }
    if (servers.length === 0) throw new Error("Cannot listen: no host is left to listen on");
    return servers;
  } catch (error) {
    for (const server of servers) server.close();
    throw error;
  }
}

async function listen(
  host: string,
  port: number,
  onConnection: (socket: Socket) => void,
): Promise<Server | undefined> {
  // Without noDelay, small HTTP/2 frames wait 40 ms for the peer's delayed acknowledgement.
  const server = createServer({ noDelay: true }, onConnection);
  try {
    server.listen({ host, port });
    await once(server, "listening");
    return server;
  } catch (error) {
    const code = codeOf(error);
    if (host === "::1" && (code === "EADDRNOTAVAIL" || code === "EAFNOSUPPORT")) return undefined;
    const reason = code === "EADDRINUSE" ? "the port is in use" : `the system answered ${code}`;
    throw new Error(`Cannot listen on host "${host}", port ${port}: ${reason}`, { cause: error });
  }
}

function isTaken(error: unknown): boolean {
  return error instanceof Error && codeOf(error.cause) === "EADDRINUSE";
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}
