import type { IncomingMessage, Server } from "node:http";
import type { Duplex } from "node:stream";
import { WebSocketServer } from "ws";
import { isForeignOrigin } from "./http/origin-guard.js";
import type { ServerHooks } from "./server-hooks.js";
import type { SocketHub } from "./socket-hub.js";

/**
 * Accepts WebSockets at `/ws` and `/api/ws`. `clientId` in the query decides whose events a socket
 * gets.
 */
export function acceptWebSockets(server: Server, sockets: SocketHub, hooks: ServerHooks): void {
  const acceptor = new WebSocketServer({ noServer: true, maxPayload: MAX_MESSAGE_BYTES });
  server.on("upgrade", (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    // A broken socket only needs to be closed.
    socket.on("error", () => socket.destroy());
    const [path = "", query] = (request.url ?? "").split("?");
    const { host, origin } = request.headers;
    if (isForeignOrigin(host, origin)) return refuse(socket, "403 Forbidden");
    if (!/^(\/api)?\/ws$/.test(path)) return refuse(socket, "404 Not Found");
    if (hooks.ignoresWebSockets?.()) return;
    const clientId = new URLSearchParams(query).get("clientId") ?? "";
    acceptor.handleUpgrade(request, socket, head, (webSocket) =>
      sockets.accept(webSocket, clientId),
    );
  });
}

function refuse(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}

// aiohttp's limit.
const MAX_MESSAGE_BYTES = 4 * 1024 * 1024;
