/**
 * One connection to `/ws`, kept up. What ComfyUI 0.3.64 makes necessary: it never pings; of two
 * sockets with one client id the older one's end makes the newer one deaf; one reader that stops
 * reading holds up the messages of all clients; nothing that was missed is sent again.
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
  /** Called for each connection that is to follow one which stood. */
  readonly nextClientId: () => string;
  readonly onText: (text: string) => void;
}

/**
 * Connects, reads always, and connects again for as long as it is not disposed, each time after the
 * old socket has really closed. `connecting` until the first frame has come, then `hearing`.
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
  #isGivenUp = false;
  #abnormalCloseCount = 0;

  constructor(options: EventSocketOptions) {
    this.#options = options;
    this.#clientId = options.nextClientId();
    this.#running = this.#run();
  }

  /** The client id of the connection that stands or is being made. */
  get clientId(): string {
    return this.#clientId;
  }

  /** Whether the server has registered this connection. */
  get isHearing(): boolean {
    return this.#isHearing;
  }

  /** When the last frame came, by the monotonic clock. */
  get heardAtMs(): number {
    return this.#heardAtMs;
  }

  /** How many connections ended without a farewell, as they do when the server's process ends. */
  get abnormalCloseCount(): number {
    return this.#abnormalCloseCount;
  }

  /**
   * Waits until the server has registered the connection, at most for `limitMs`; once that was in
   * vain, no longer at all until it has.
   */
  async greeted(limitMs: number, signal: AbortSignal): Promise<void> {
    if (this.#isHearing || this.#isLate) return;
    await this.#greeting.wait(limitMs, signal);
    this.#isLate = !this.#isHearing;
  }

  /** Gives the connection up and makes a new one. */
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

  /** Serves one connection until it has closed. @returns whether it ever stood */
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

  /** Pings, since the server does not, and gives up a socket on which nothing comes back. */
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
    if (!this.#isHearing) this.#greeting.ring();
    this.#isHearing = true;
    this.#isLate = false;
  }
}

// Must be the first text that a client sends. Without it previews come without their prompt's id.
const FEATURE_FLAGS = JSON.stringify({
  type: "feature_flags",
  data: { supports_preview_metadata: true },
});
// Previews and pictures sent as frames are read and dropped; they must not end the connection.
const MAX_FRAME_BYTES = 128 * 1024 * 1024;
const ABNORMAL = 1006;
