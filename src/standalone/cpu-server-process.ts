import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { findWeights } from "../cpu-server/network/find-weights.js";
import { backoffMs } from "../lib/backoff.js";
import type { Logger } from "../lib/logger.js";
import { packagePath } from "../lib/package-path.js";

/** Options of the built-in CPU server's process. */
export interface CpuServerOptions {
  /** Its input, output and temp folders. */
  readonly directory: string;
  readonly threads?: number;
  readonly logger: Logger;
}

const START_LIMIT_MS = 30_000;
const RESTART_PAUSE = { baseMs: 250, capMs: 10_000 };

/**
 * Runs the built-in CPU server as a child process, which ends with this process. If it dies, it is
 * started again on the same port, so that the pool sees a server that restarted.
 */
export class CpuServerProcess implements AsyncDisposable {
  readonly url: string;
  readonly #options: CpuServerOptions;
  readonly #stop = new AbortController();
  #child: ChildProcess | undefined;
  #keeping: Promise<void> | undefined;

  private constructor(port: number, options: CpuServerOptions) {
    this.url = `http://127.0.0.1:${port}`;
    this.#options = options;
  }

  /**
   * Chooses the port and starts the server. The server listens a little later. If it cannot start,
   * the reason is logged.
   *
   * @throws Error that says what to install if what only the CPU server needs is not there.
   */
  static async start(options: CpuServerOptions): Promise<CpuServerProcess> {
    findWeights();
    const server = new CpuServerProcess(await freePort(), options);
    server.#keeping = server.#keep();
    return server;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null) {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      await exited;
    }
    await this.#keeping;
  }

  async #keep(): Promise<void> {
    const { logger } = this.#options;
    for (let starts = 1; !this.#stop.signal.aborted; starts += 1) {
      try {
        await this.#launch();
        logger.info({ url: this.url }, "CPU server listens");
        await this.#exited();
      } catch (error) {
        if (!this.#stop.signal.aborted) logger.error({ err: error }, "CPU server did not start");
      }
      if (this.#stop.signal.aborted) return;
      logger.error({ starts }, "CPU server ended, starting it again");
      const { signal } = this.#stop;
      await sleep(backoffMs(starts, RESTART_PAUSE), undefined, { signal }).catch(() => undefined);
    }
  }

  async #exited(): Promise<void> {
    const child = this.#child;
    if (child !== undefined && child.exitCode === null && child.signalCode === null)
      await once(child, "exit");
  }

  async #launch(): Promise<void> {
    const { directory, threads } = this.#options;
    const isSource = import.meta.url.endsWith(".ts");
    const entry = packagePath(isSource ? "src/cpu-server/main.ts" : "dist/cpu-server/main.js");
    const flags = ["--port", new URL(this.url).port, "--dir", directory];
    if (threads !== undefined) flags.push("--threads", String(threads));
    const child = fork(entry, flags, { stdio: ["ignore", "ignore", "pipe", "ipc"] });
    this.#child = child;
    let lastWords = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      lastWords = (lastWords + text).slice(-2_000);
    });
    const limit = AbortSignal.timeout(START_LIMIT_MS);
    const first = await Promise.race([
      once(child, "message", { signal: limit }).then(() => "listening"),
      once(child, "exit").then(() => "ended"),
    ]).catch(() => "silent");
    if (first === "listening") return;
    child.kill("SIGKILL");
    throw new Error(
      `The CPU server did not start (${first}): ${lastWords.trim() || "it said nothing"}`,
    );
  }
}

/** Finds a free port. Restarts use the same port, so that the server keeps its address. */
async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const address = probe.address();
  probe.close();
  await once(probe, "close");
  if (address === null || typeof address === "string") throw new Error("No free port");
  return address.port;
}
