/**
 * One connection to `/ws` that is kept open. It works around ComfyUI 0.3.64: the server never
 * pings. If two sockets have one client id, the end of the older one makes the newer one deaf. One
 * reader that stops reading delays the messages of all clients. Missed messages are never sent
 * again.
 */
import { WebSocket } from "ws";
import { backoffMs } from "../../lib/backoff.js";
import type { Logger } from "../../lib/logger.js";
import { pause } from "../pause.js";
import type { ServerLimits } from "../server-limits.js";
import type { ServerUrl } from "../server-url.js";
import { Alarm } from "./alarm.js";

/** Options of an {@link EventSocket}. */
export interface EventSocketOptions {
  readonly url: ServerUrl;
  readonly limits: ServerLimits;
  readonly logger: Logger;
  /** Called when an open connection has ended and a new one will follow. */
  readonly nextClientId: () => string;
  readonly onText: (text: string) => void;
}

/**
 * Connects and always reads. Until it is disposed, it connects again after each end of a
 * connection, when the old socket has really closed. The socket is `connecting` until the first
 * frame arrives, then `hearing`.
 */
export class EventSocket implements AsyncDisposable {
  readonly #options: EventSocketOptions;
  readonly #closing = new AbortController();
  readonly #running: Promise<void>;
  #greeting = new Alarm();
  #clientId: string;
  #socket: WebSocket | undefined;
  #isHearing = false;
  #isLate = false;
  #heardAtMs = 0;
  #hearingSinceMs = 0;
  #isGivenUp = false;
  #abnormalCloseCount = 0;

  constructor(options: EventSocketOptions) {
    this.#options = options;
    this.#clientId = options.nextClientId();
    this.#running = this.#run();
  }

  /** The client id of the current connection, open or being opened. */
  get clientId(): string {
    return this.#clientId;
  }

  /** Whether the server has registered this connection. */
  get isHearing(): boolean {
    return this.#isHearing;
  }

  /** Since when it hears, by the monotonic clock. */
  get hearingSinceMs(): number {
    return this.#hearingSinceMs;
  }

  /** When the last frame arrived, by the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /**
   * How many connections ended without a close frame. This happens when the server's process ends.
   */
  get abnormalCloseCount(): number {
    return this.#abnormalCloseCount;
  }

  /**
   * Waits until the server has registered the connection, at most `limitMs`. After one wait in
   * vain, further calls do not wait until the server has registered it.
   */
  async greeted(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isHearing || this.#isLate) return;
    await this.#greeting.wait(limitMs, signal);
    this.#isLate = !this.#isHearing;
  }

  /** Ends the connection and opens a new one. */
  reconnect(reason: string): void {
    this.#options.logger.info({ reason }, "event socket given up");
    this.#isGivenUp = true;
    this.#socket?.terminate();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#isGivenUp = true;
    this.#socket?.terminate();
    await this.#running;
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    for (let failureCount = 0; !signal.aborted; ) {
      const stood = await this.#connect();
      if (stood) this.#clientId = this.#options.nextClientId();
      failureCount = stood ? 1 : failureCount + 1;
      const capMs = this.#options.limits.reconnectMs;
      await pause(backoffMs(failureCount, { baseMs: 100, capMs }), signal).catch(() => undefined);
    }
  }

  /** Runs one connection until it has closed. @returns whether it was ever open */
  async #connect(): Promise<boolean> {
    const { url, limits, logger } = this.#options;
    const socket = new WebSocket(url.socket(this.#clientId), {
      headers: url.headers,
      handshakeTimeout: limits.connectMs,
      perMessageDeflate: false,
      maxPayload: MAX_FRAME_BYTES,
    });
    this.#socket = socket;
    this.#isGivenUp = false;
    let watchdog: NodeJS.Timeout | undefined;
    socket.once("open", () => {
      socket.send(FEATURE_FLAGS);
      watchdog = this.#watch(socket);
    });
    socket.on("message", (frame, isBinary) => {
      this.#hear();
      if (!isBinary) this.#options.onText(frame.toString());
    });
    socket.on("error", (error) => logger.debug({ err: error }, "event socket failed"));
    const code = await new Promise<number>((resolve) => socket.once("close", resolve));
    clearInterval(watchdog);
    const stood = watchdog !== undefined;
    if (this.#isHearing) this.#greeting = new Alarm();
    this.#isHearing = false;
    if (stood && code === ABNORMAL && !this.#isGivenUp) this.#abnormalCloseCount += 1;
    return stood;
  }

  /**
   * Pings the server, since the server does not ping. Ends a socket on which nothing comes back.
   */
  #watch(socket: WebSocket): NodeJS.Timeout {
    let isAlive = true;
    const revive = (): void => {
      isAlive = true;
    };
    socket.on("pong", revive);
    socket.on("message", revive);
    return setInterval(() => {
      if (!isAlive) return this.reconnect("no answer to a ping");
      isAlive = false;
      socket.ping();
    }, this.#options.limits.pingMs);
  }

  #hear(): void {
    this.#heardAtMs = performance.now();
    if (!this.#isHearing) {
      this.#hearingSinceMs = this.#heardAtMs;
      this.#greeting.ring();
    }
    this.#isHearing = true;
    this.#isLate = false;
  }
}

// Must be the first text that a client sends. Without it, previews come without their prompt's id.
const FEATURE_FLAGS = JSON.stringify({
  type: "feature_flags",
  data: { supports_preview_metadata: true },
});
// Previews and pictures in frames are read and dropped. They must not end the connection.
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
const ABNORMAL = 1006;
