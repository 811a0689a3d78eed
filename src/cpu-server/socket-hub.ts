import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { isJsonObject, type Json, type JsonObject } from "./json.js";

/** The node that runs now, and for which client. */
export interface ExecutingNode {
  readonly clientId: Json;
  readonly nodeId: string;
}

/** Where a test reaches into what is sent. */
export interface FrameHooks {
  /** The frames that are really sent for one event. */
  frames?(frame: string): readonly (string | Buffer)[];
}

/**
 * Who hears what, with ComfyUI's own faults: of two sockets under one client id the newer is heard, and
 * when either closes, the id is deaf; all messages go through one line that waits for each reader.
 */
export class SocketHub {
  /** Sent to a client that comes back while its prompt runs. */
  executing: ExecutingNode | undefined;
  readonly #sockets = new Map<unknown, WebSocket>();
  readonly #status: () => JsonObject;
  readonly #features: () => JsonObject;
  readonly #hooks: FrameHooks;
  #line: Promise<void> = Promise.resolve();

  /**
   * @param status the `status` object of a status event.
   * @param features what the server answers to a client's feature flags.
   */
  constructor(status: () => JsonObject, features: () => JsonObject, hooks: FrameHooks) {
    this.#status = status;
    this.#features = features;
    this.#hooks = hooks;
  }

  /** Takes a new socket in; an empty client id gets one of the server's. */
  accept(socket: WebSocket, clientId: string): void {
    const sid = clientId === "" ? randomUUID().replaceAll("-", "") : clientId;
    this.#sockets.set(sid, socket);
    socket.once("close", () => this.#sockets.delete(sid));
    // Whatever a client sends that is no frame ends its socket, and nothing else.
    socket.on("error", () => socket.terminate());
    this.#listen(socket);
    void this.#write(socket, "status", { status: this.#status(), sid });
    if (this.executing?.clientId === sid) {
      void this.#write(socket, "executing", { node: this.executing.nodeId });
    }
  }

  /** Tells everybody how many prompts remain. */
  broadcastStatus(): void {
    this.send("status", { status: this.#status() }, null);
  }

  /** Sends an event to the socket of a client id, if there is one; with null to all. */
  send(type: string, data: JsonObject, clientId: Json): void {
    this.#line = this.#line.then(() => this.#publish(type, data, clientId));
  }

  /** Cuts every socket, without a close frame. */
  dropAll(): void {
    for (const socket of this.#sockets.values()) socket.terminate();
  }

  async #publish(type: string, data: JsonObject, clientId: Json): Promise<void> {
    const socket = this.#sockets.get(clientId);
    const receivers = clientId === null ? [...this.#sockets.values()] : [socket];
    for (const receiver of receivers) {
      if (receiver !== undefined) await this.#write(receiver, type, data);
    }
  }

  async #write(socket: WebSocket, type: string, data: JsonObject): Promise<void> {
    const text = JSON.stringify({ type, data });
    for (const frame of this.#hooks.frames?.(text) ?? [text]) {
      await new Promise<void>((resolve) => {
        // A socket that broke is cleaned up by its close event.
        socket.send(frame, () => resolve());
      });
    }
  }

  /** The first message that can be parsed may be the client's feature flags; all else is ignored. */
  #listen(socket: WebSocket): void {
    const onMessage = (data: Buffer, isBinary: boolean) => {
      const message = isBinary ? undefined : parse(data);
      if (!isJsonObject(message)) return;
      socket.off("message", onMessage);
      if (message["type"] === "feature_flags") {
        void this.#write(socket, "feature_flags", this.#features());
      }
    };
    socket.on("message", onMessage);
  }
}

function parse(text: Buffer): unknown {
  try {
    return JSON.parse(text.toString("utf8"));
  } catch {
    return undefined;
  }
}
