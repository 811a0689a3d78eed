/**
 * What a server is and has. Classes are asked for one by one: the whole of `/object_info` is many
 * megabytes on a server with node packs, built from its disks at each call. A combo's choices are
 * the files that were there when it was asked.
 */
import { TaskError } from "../domain/errors.js";
import { isRefused } from "./comfy-errors.js";
import type { ComfyServer } from "./comfy-server.js";
import type { NodeInfo } from "./node-info.js";
import type { SystemStats } from "./wire.js";

/** The node classes that a server has, of those that were asked for. */
export interface ServerCapability {
  readonly classes: ReadonlyMap<string, NodeInfo>;
}

/** What a probe found. */
export type ProbeResult =
  | {
      readonly ok: true;
      /** Something since the last probe speaks for a restart: caches are cold, prompts may be lost. */
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
      /** Nothing listens at its address, so its process is gone. */
      readonly isRefused: boolean;
    };

/** Asks one server what it is and what it has, and remembers the latter until a restart. */
export class CapabilityReader {
  readonly #server: ComfyServer;
  readonly #maxAgeMs: number;
  readonly #known = new Map<
    string,
    { readonly info: NodeInfo | undefined; readonly readAtMs: number }
  >();
  #restartSignCount: number;
  #read: ServerCapability | undefined;

  /** @param maxAgeMs after how long a class is asked for again: model files may have been added. @default 300000 */
  constructor(server: ComfyServer, maxAgeMs = 300_000) {
    this.#server = server;
    this.#maxAgeMs = maxAgeMs;
    this.#restartSignCount = server.restartSignCount;
  }

  /** Asks whether the server is up. A failure is an answer; only an aborted signal throws. */
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
   * Reads which of the classes the server has and what they take.
   *
   * @returns the same object as before where nothing was read anew.
   * @throws TaskError of the server family if it cannot be asked
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

  /** Forgets what is known, so that it is asked for again. */
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
