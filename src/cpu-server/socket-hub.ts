import { randomUUID } from "node:crypto";
import type { WebSocket } from "ws";
import { isJsonObject, type Json, type JsonObject } from "./json.js";

/** The running node, and the client that submitted its prompt. */
export interface ExecutingNode {
  readonly clientId: Json;
  readonly nodeId: string;
}

/** Lets a test change the sent frames. */
export interface FrameHooks {
  /** The frames that are really sent for one event. */
  frames?(frame: string): readonly (string | Buffer)[];
}

/**
 * Decides which socket gets which event, with ComfyUI's own faults. If two sockets have one client
 * id, the newer gets the events, and when either closes, nobody gets them. All messages go through
 * one line that waits for each reader.
 */
export class SocketHub {
  /** Sent to a client that reconnects while its prompt runs. */
  executing: ExecutingNode | undefined;
  readonly #sockets = new Map<unknown, WebSocket>();
  readonly #status: () => JsonObject;
  readonly #features: () => JsonObject;
  readonly #hooks: FrameHooks;
  #line: Promise<void> = Promise.resolve();

  /**
   * @param status makes the `status` object of a status event.
   * @param features makes the answer to a client's feature flags.
   */
  constructor(status: () => JsonObject, features: () => JsonObject, hooks: FrameHooks) {
    this.#status = status;
    this.#features = features;
    this.#hooks = hooks;
  }

  /** Adds a new socket. An empty client id is replaced by one of the server's. */
  accept(socket: WebSocket, clientId: string): void {
    const sid = clientId === "" ? randomUUID().replaceAll("-", "") : clientId;
    this.#sockets.set(sid, socket);
    socket.once("close", () => this.#sockets.delete(sid));
    // If a client sends invalid frames, its socket ends, and nothing else.
    socket.on("error", () => socket.terminate());
    this.#listen(socket);
    void this.#write(socket, "status", { status: this.#status(), sid });
    if (this.executing?.clientId === sid) {
      void this.#write(socket, "executing", { node: this.executing.nodeId });
    }
  }

  /** Sends the number of remaining prompts to all clients. */
  broadcastStatus(): void {
    this.send("status", { status: this.#status() }, null);
  }

  /**
   * Sends an event to the socket of a client id, if there is one. With null it is sent to all
   * sockets.
   */
  send(type: string, data: JsonObject, clientId: Json): void {
    this.#line = this.#line.then(() => this.#publish(type, data, clientId));
  }

  /** Cuts every socket without a close frame. */
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
        // If the socket is broken, its close event cleans it up.
        socket.send(frame, () => resolve());
      });
    }
  }

  /**
   * The first message that can be parsed may contain the client's feature flags. All others are
   * ignored.
   */
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
