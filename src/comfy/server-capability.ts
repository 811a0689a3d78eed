/**
 * Finds out what a server is and has. Classes are requested one by one, because the whole
 * `/object_info` is many megabytes on a server with node packs, and is built from its disks for
 * each request. A combo's choices are the files that existed when it was requested.
 */
import { TaskError } from "../domain/errors.js";
import { isRefused } from "./comfy-errors.js";
import type { ComfyServer } from "./comfy-server.js";
import type { NodeInfo } from "./node-info.js";
import type { SystemStats } from "./wire.js";

/** The node classes that a server has, among the requested ones. */
export interface ServerCapability {
  readonly classes: ReadonlyMap<string, NodeInfo>;
}

/** The result of a probe. */
export type ProbeResult =
  | {
      readonly ok: true;
      /**
       * Whether there was a sign of a restart since the last probe. After a restart, caches are
       * cold and prompts may be lost.
       */
      readonly restarted: boolean;
      readonly version: string;
      readonly devices: SystemStats["devices"];
      /** How much memory the machine has in all. */
      readonly machineBytes?: number;
      /** Prompts that run or wait, whoever's. */
      readonly queueRemaining: number;
    }
  | {
      readonly ok: false;
      readonly error: TaskError;
      /** Whether nothing listens at the server's address, which means that its process is gone. */
      readonly isRefused: boolean;
    };

/** Asks one server what it is and has. Remembers what it has until the server restarts. */
export class CapabilityReader {
  readonly #server: ComfyServer;
  readonly #maxAgeMs: number;
  readonly #known = new Map<
    string,
    { readonly info: NodeInfo | undefined; readonly readAtMs: number }
  >();
  #restartSignCount: number;
  #read: ServerCapability | undefined;

  /**
   * @param maxAgeMs after this time a class is requested again, since model files may have been
   *   added. @default 300000
   */
  constructor(server: ComfyServer, maxAgeMs = 300_000) {
    this.#server = server;
    this.#maxAgeMs = maxAgeMs;
    this.#restartSignCount = server.restartSignCount;
  }

  /** Asks whether the server is up. A failure is a result; only an aborted signal throws. */
  async probe(signal: AbortSignal): Promise<ProbeResult> {
    try {
      const [stats, queueRemaining] = await Promise.all([
        this.#server.systemStats(signal),
        this.#server.queueRemaining(signal),
      ]);
      return { ok: true, restarted: this.#noticeRestart(), ...stats, queueRemaining };
    } catch (error) {
      if (signal.aborted || !(error instanceof TaskError)) throw error;
      return { ok: false, error, isRefused: isRefused(error) };
    }
  }

  /**
   * Reads which of the classes the server has, and their inputs.
   *
   * @returns the same object as before if nothing was requested again.
   * @throws TaskError of the server family if the server cannot be asked
   */
  async read(classTypes: readonly string[], signal: AbortSignal): Promise<ServerCapability> {
    const classes = new Map<string, NodeInfo>();
    for (const classType of new Set(classTypes)) {
      const info = await this.#class(classType, signal);
      if (info !== undefined) classes.set(classType, info);
    }
    if (this.#read === undefined || !isSame(this.#read.classes, classes)) this.#read = { classes };
    return this.#read;
  }

  /** Forgets everything, so that it is requested again. */
  forget(): void {
    this.#known.clear();
  }

  async #class(classType: string, signal: AbortSignal): Promise<NodeInfo | undefined> {
    const known = this.#known.get(classType);
    const nowMs = performance.now();
    if (known !== undefined && nowMs - known.readAtMs < this.#maxAgeMs) return known.info;
    const info = await this.#server.objectInfo(classType, signal);
    this.#known.set(classType, { info, readAtMs: nowMs });
    return info;
  }

  #noticeRestart(): boolean {
    const { restartSignCount } = this.#server;
    const restarted = restartSignCount !== this.#restartSignCount;
    this.#restartSignCount = restartSignCount;
    if (restarted) this.forget();
    return restarted;
  }
}

function isSame(a: ReadonlyMap<string, NodeInfo>, b: ReadonlyMap<string, NodeInfo>): boolean {
  return a.size === b.size && [...a].every(([name, info]) => b.get(name) === info);
}
