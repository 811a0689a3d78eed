import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { z } from "zod";
import type { RunLogEntry } from "../../src/cpu-server/run-log.js";
import type { switchesSchema } from "../../src/cpu-server/test-switches/switches.js";
import { LIMIT_MS } from "./eventually.js";

/** Changes of test switches. null turns a switch off. */
export type SwitchChanges = {
  readonly [Name in keyof SwitchInput]?: SwitchInput[Name] | null;
} & {
  /** Cuts every WebSocket now. */
  readonly dropSockets?: boolean;
};

/** The switches at the start of a server. */
export type SwitchInput = z.input<typeof switchesSchema>;

/** Options of a test's CPU server. */
export interface CpuServerOptions {
  /** The directory of its folders. Left out: a new directory that is removed at the end. */
  readonly dir?: string;
  /** @default {} */
  readonly switches?: SwitchInput;
  /** @default 1 */
  readonly threads?: number;
  /** Largest request body in MiB. @default 100 */
  readonly maxUploadMib?: number;
  /** @default a free port */
  readonly port?: number;
}

/** A CPU server in its own process, which ends with the test's process. */
export interface TestCpuServer extends AsyncDisposable {
  /** It stays the same after {@link restart}. */
  readonly url: string;
  /** The directory of `input/`, `output/` and `temp/`. */
  readonly dir: string;
  readonly pid: number;
  /** Merges switches in. They take effect at once. */
  set(changes: SwitchChanges): Promise<void>;
  /**
   * Every step of every prompt since the first start. It can be read after the process has died,
   * too.
   */
  log(): Promise<readonly RunLogEntry[]>;
  /** Sends a signal and waits for the process to end. @param signal the default is SIGKILL. */
  kill(signal?: NodeJS.Signals): Promise<void>;
  /** Waits until the process has ended by itself, e.g. because of a `crash` switch. */
  ended(): Promise<void>;
  /**
   * Starts the process again on the same port and directory. If it still runs, it is ended first.
   */
  restart(switches?: SwitchInput): Promise<void>;
}

/** Starts a CPU server with test switches from `dist`. */
export async function startCpuServer(options: CpuServerOptions = {}): Promise<TestCpuServer> {
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), "tmlsr-cpu-")));
  const server = new CpuServerProcess(dir, options);
  try {
    await server.restart(options.switches);
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
  return server;
}

class CpuServerProcess implements TestCpuServer {
  readonly dir: string;
  readonly #options: CpuServerOptions;
  readonly #logPath: string;
  #url: string | undefined;
  #child: ChildProcess | undefined;

  constructor(dir: string, options: CpuServerOptions) {
    this.dir = dir;
    this.#options = options;
    this.#logPath = join(dir, "prompts.jsonl");
  }

  get url(): string {
    if (this.#url === undefined) throw new Error("CPU server was never started");
    return this.#url;
  }

  get pid(): number {
    return this.#child?.pid ?? -1;
  }

  async set(changes: SwitchChanges): Promise<void> {
    const body = JSON.stringify(changes);
    const response = await fetch(`${this.url}/test/switches`, { method: "POST", body });
    if (!response.ok) throw new Error(`Cannot set switches: ${await response.text()}`);
    await response.body?.cancel();
  }

  async log(): Promise<readonly RunLogEntry[]> {
    const lines = (await readFile(this.#logPath, "utf8")).split("\n");
    return lines.filter((line) => line !== "").map((line) => JSON.parse(line) as RunLogEntry);
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    this.#child?.kill(signal);
    await this.ended();
  }

  async ended(): Promise<void> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
    await once(child, "exit", { signal: AbortSignal.timeout(LIMIT_MS) });
  }

  async restart(switches: SwitchInput = {}): Promise<void> {
    await this.kill();
    const child = fork(ENTRY, this.#flags(switches), {
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    this.#child = child;
    let said = "";
    child.stderr?.on("data", (text: Buffer) => {
      said += text.toString();
      process.stderr.write(text);
    });
    const exit = once(child, "exit").then(() => {
      throw new Error(`Cannot start a CPU server: ${said}`);
    });
    exit.catch(() => undefined);
    const limit = { signal: AbortSignal.timeout(LIMIT_MS) };
    const [message] = (await Promise.race([once(child, "message", limit), exit])) as [
      { url: string },
    ];
    this.#url = message.url;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    const isOurs = this.#options.dir === undefined;
    if (isOurs) await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  #flags(switches: SwitchInput): string[] {
    const { threads = 1, maxUploadMib = 100, port = 0 } = this.#options;
    const ownPort = this.#url === undefined ? port : Number(new URL(this.#url).port);
    return [
      ...["--dir", this.dir, "--log", this.#logPath, "--port", String(ownPort)],
      ...["--threads", String(threads), "--max-upload-size", String(maxUploadMib)],
      ...["--test-switches", "--switches", JSON.stringify(switches)],
    ];
  }
}

const ENTRY = fileURLToPath(new URL("../../dist/cpu-server/main.js", import.meta.url));
