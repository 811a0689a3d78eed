import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { isForeignOrigin } from "./http/origin-guard.js";
import type { SocketHub } from "./socket-hub.js";

/** Takes WebSockets at `/ws` and `/api/ws`; `clientId` in the query says whose events they get. */
export function acceptWebSockets(server: Server, sockets: SocketHub): Disposable {
  const acceptor = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer): void => {
    const url = new URL(request.url ?? "/", "http://localhost");
    const { host, origin } = request.headers;
    if (isForeignOrigin(host, origin)) refuse(socket, "403 Forbidden");
    else if (!/^(\/api)?\/ws$/.test(url.pathname)) refuse(socket, "404 Not Found");
    else {
      acceptor.handleUpgrade(request, socket, head, (webSocket) =>
        sockets.accept(webSocket, url.searchParams.get("clientId") ?? ""),
      );
    }
  };
  server.on("upgrade", onUpgrade);
  return {
    [Symbol.dispose]: () => {
      server.off("upgrade", onUpgrade);
      for (const client of acceptor.clients) client.terminate();
    },
  };
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

// aiohttp's limit.
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
