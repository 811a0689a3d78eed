import { once } from "node:events";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** A small HTTP server on loopback. */
export interface HttpOrigin {
  readonly url: string;
  readonly port: number;
  /** Request lines and headers so far, the oldest first. */
  readonly requests: readonly OriginRequest[];
}

/** A request that an origin received. */
export interface OriginRequest {
  readonly path: string;
  readonly headers: NodeJS.Dict<string | string[]>;
}

/**
 * Starts an origin on a free port. It and its connections are closed when the test has finished.
 *
 * @param host the address to listen on; `*`: every address of the machine.
 */
export async function startOrigin(
  listener: RequestListener,
  host = "127.0.0.1",
): Promise<HttpOrigin> {
  const requests: OriginRequest[] = [];
  const server = createServer((request, response) => {
    requests.push({ path: request.url ?? "", headers: request.headers });
    listener(request, response);
  });
  if (host === "*") server.listen(0);
  else server.listen(0, host);
  await once(server, "listening");
  onTestFinished(async () => {
    const closed = once(server, "close");
    server.close();
    server.closeAllConnections();
    await closed;
  });
  const { port } = server.address() as AddressInfo;
  return { url: `http://${host === "*" ? "127.0.0.1" : host}:${port}`, port, requests };
}
