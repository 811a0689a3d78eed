/**
 * The events that a server sends over its WebSocket. Events are only a hint: they may be missed, be
 * delayed by another client, or be sent to nobody. ComfyUI 0.3.64 sends a prompt's events only to
 * the client id that submitted it. It sends `status`, the queue's length, to all clients.
 */
import { randomUUID } from "node:crypto";
import type { Logger } from "../../lib/logger.js";
import type { ServerLimits } from "../server-limits.js";
import type { ServerUrl } from "../server-url.js";
import { type ComfyEvent, type PromptEvent, parseEvent } from "./comfy-event.js";
import { EventSocket } from "./event-socket.js";

/** Gets the events of one prompt. */
export interface PromptListener {
  readonly onEvent: (event: PromptEvent) => void;
  /** The length of the server's queue has changed, because of any prompt. */
  readonly onQueueChange: () => void;
}

/** Options of an events connection. */
export interface ComfyEventsOptions {
  readonly url: ServerUrl;
  readonly limits: ServerLimits;
  readonly logger: Logger;
}

/**
 * The events of one server. The main connection is opened when it is first needed, and is kept.
 * Each new connection has a new client id, and new prompts are submitted under it. Some prompts
 * have another client id: this process submitted them over an earlier connection, or another
 * process did. For such a prompt a second connection is opened under that id while somebody
 * listens.
 */
export class ComfyEvents implements AsyncDisposable {
  readonly #options: ComfyEventsOptions;
  readonly #listeners = new Map<string, Set<PromptListener>>();
  readonly #others = new Map<string, { readonly socket: EventSocket; userCount: number }>();
  readonly #closings = new Set<Promise<void>>();
  #own: EventSocket | undefined;
  #statusTimer: NodeJS.Timeout | undefined;
  #isDisposed = false;
  #pastAbnormalCloseCount = 0;

  constructor(options: ComfyEventsOptions) {
    this.#options = options;
  }

  /**
   * How many connections ended without a close frame. This happens when the server's process ends.
   */
  get abnormalCloseCount(): number {
    const others = [...this.#others.values()].map(({ socket }) => socket.abnormalCloseCount);
    const own = this.#own?.abnormalCloseCount ?? 0;
    return others.reduce((sum, count) => sum + count, this.#pastAbnormalCloseCount + own);
  }

  /**
   * The client id to submit a prompt under. Waits for the connection, so that no event is missed,
   * but only for a short time: the prompt also runs without a connection.
   */
  async clientId(signal: AbortSignal): Promise<string> {
    const socket = this.#connect();
    await socket.greeted(GREETING_MS, signal);
    return socket.clientId;
  }

  /**
   * Call it when a prompt was sent at `sentAtMs`. If no frame comes soon, the connection is deaf
   * and is replaced.
   */
  expectStatus(sentAtMs: number): void {
    const socket = this.#own;
    if (socket === undefined || !socket.isHearing) return;
    clearTimeout(this.#statusTimer);
    this.#statusTimer = setTimeout(() => {
      const isDeaf = socket.isHearing && socket.heardAtMs < sentAtMs;
      if (isDeaf) socket.reconnect("no status for a new prompt");
    }, this.#options.limits.statusMs);
  }

  /** Calls the listener for each event of a prompt, until the returned object is disposed. */
  listen(promptId: string, listener: PromptListener): Disposable {
    this.#connect();
    const listeners = this.#listeners.get(promptId) ?? new Set();
    this.#listeners.set(promptId, listeners.add(listener));
    return {
      [Symbol.dispose]: () => {
        listeners.delete(listener);
        if (listeners.size === 0) this.#listeners.delete(promptId);
      },
    };
  }

  /**
   * Also listens under the client id of a prompt, if it differs from the id of the main connection.
   */
  hearAs(clientId: string): Disposable {
    if (this.#own?.clientId === clientId || this.#isDisposed)
      return { [Symbol.dispose]: () => undefined };
    const other = this.#others.get(clientId) ?? {
      socket: this.#open(() => clientId),
      userCount: 0,
    };
    this.#others.set(clientId, other);
    other.userCount += 1;
    return {
      [Symbol.dispose]: () => {
        other.userCount -= 1;
        if (other.userCount > 0) return;
        this.#others.delete(clientId);
        this.#close(other.socket);
      },
    };
  }

  /** The connection under a client id, if there is one. */
  socketOf(clientId: string): EventSocket | undefined {
    if (this.#own?.clientId === clientId) return this.#own;
    return this.#others.get(clientId)?.socket;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isDisposed = true;
    clearTimeout(this.#statusTimer);
    for (const { socket } of this.#others.values()) this.#close(socket);
    if (this.#own !== undefined) this.#close(this.#own);
    await Promise.all(this.#closings);
  }

  #connect(): EventSocket {
    if (this.#isDisposed)
      throw new Error("The events of a server were asked for after its disposal");
    this.#own ??= this.#open(randomUUID);
    return this.#own;
  }

  #open(nextClientId: () => string): EventSocket {
    const onText = (text: string): void => this.#dispatch(text);
    return new EventSocket({ ...this.#options, nextClientId, onText });
  }

  #close(socket: EventSocket): void {
    this.#pastAbnormalCloseCount += socket === this.#own ? 0 : socket.abnormalCloseCount;
    const closing = socket[Symbol.asyncDispose]().finally(() => this.#closings.delete(closing));
    this.#closings.add(closing);
  }

  // A listener that throws is a bug, but it must not end the process.
  #dispatch(text: string): void {
    try {
      this.#tell(parseEvent(text));
    } catch (error) {
      this.#options.logger.error({ err: error }, "event listener failed");
    }
  }

  #tell(parsed: ComfyEvent | undefined): void {
    if (parsed === undefined) return;
    if (parsed.promptId === undefined) {
      for (const listeners of this.#listeners.values())
        for (const listener of listeners) listener.onQueueChange();
      return;
    }
    const { promptId, event } = parsed;
    for (const listener of this.#listeners.get(promptId) ?? []) listener.onEvent(event);
  }
}

const GREETING_MS = 1_000;
