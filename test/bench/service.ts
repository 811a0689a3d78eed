import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile } from "node:fs/promises";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "../../src/lib/node-flags.js";

/** The service as a process of its own, from `dist`. */
export interface BenchService extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** From the start of the process to its listening. */
  readonly startMs: number;
  /** What it wrote to standard error so far: a healthy service writes nothing there. */
  readonly errorText: string;
}

/** How the service is started. */
export interface BenchServiceOptions {
  readonly dataDir: string;
  /** URLs of ComfyUI servers; empty: standalone. Left out: one that nobody listens at, so that tasks wait. */
  readonly servers?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

const MAIN = fileURLToPath(new URL("../../dist/main.js", import.meta.url));

/** The settings that every service of the bench has. */
export function benchEnv(options: BenchServiceOptions): Record<string, string> {
  const { dataDir, servers = ["http://127.0.0.1:1"], env = {} } = options;
  return {
    TMLSR_PORT: "0",
    TMLSR_DATA_DIR: dataDir,
    TMLSR_INPUT_ALLOW: "127.0.0.1",
    TMLSR_WORKFLOWS_DIR: resolve("workflows"),
    ...(servers.length > 0 && { COMFYUI_SERVERS: servers.join(",") }),
    ...env,
  };
}

/** Starts the service and waits until it listens; disposing stops it as an operator would. */
export async function startService(options: BenchServiceOptions): Promise<BenchService> {
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [...NODE_FLAGS, MAIN], {
    cwd: options.dataDir,
    env: benchEnv(options),
    stdio: ["ignore", "pipe", "pipe"],
  });
  let errorText = "";
  child.stderr.on("data", (text: Buffer) => {
    errorText += text.toString();
  });
  const stop = () => stopChild(child);
  for await (const line of createInterface({ input: child.stdout })) {
    const { msg, urls } = JSON.parse(line) as { msg?: string; urls?: string[] };
    const url = urls?.[0];
    if (msg !== "listening" || url === undefined) continue;
    child.stdout.resume();
    const startMs = performance.now() - startedAtMs;
    return {
      ...{ url, startMs, pid: child.pid ?? -1 },
      get errorText() {
        return errorText;
      },
      [Symbol.asyncDispose]: stop,
    };
  }
  throw new Error(`The service did not start: ${errorText}`);
}

/** Memory that a process holds, in MB (10^6 bytes). */
export async function residentMb(pid: number): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return (Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024) / 1e6;
}

/** How long a process has computed since its start, in ms: user and system time, in ticks of 10 ms. */
export async function cpuMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name of the program may contain spaces; after it comes the third field.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** How many files and sockets a process has open. */
export async function openFileCount(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await exited;
  clearTimeout(timer);
}
