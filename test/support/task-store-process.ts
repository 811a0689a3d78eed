import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { symlink } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "rolldown";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.js";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));

/** A process that writes to a store, see `task-store-writer.ts`. */
export interface WriterProcess {
  /** The writes that it has acknowledged so far, each as a list of words. */
  readonly acknowledged: readonly (readonly string[])[];
  /** The text that it wrote to standard error. */
  readonly complaints: readonly string[];
  /** Waits until it has acknowledged this number of writes. */
  reach(count: number): Promise<void>;
  signal(name: "SIGSTOP" | "SIGKILL"): void;
  /**
   * Waits until it has ended and its whole output was read. @returns its exit code, or null after a
   * signal.
   */
  ended(): Promise<number | null>;
}

/**
 * Puts the writer into a directory as a program, since starting it from its sources takes several times as
 * long.
 *
 * @returns the path for {@link startWriter}.
 */
export async function layOutWriter(target: string): Promise<string> {
  await symlink(join(PROJECT, "node_modules"), join(target, "node_modules"));
  const file = join(target, "writer.js");
  await build({
    input: join(PROJECT, "test/support/task-store-writer.ts"),
    platform: "node",
    external: ["node-sqlite3-wasm"],
    transform: { target: "es2023" },
    output: { file },
  });
  return file;
}

/**
 * Starts a process that writes to the store in a directory. It is killed when the test has
 * finished.
 */
export function startWriter(writerPath: string, directory: string): WriterProcess {
  // The process lives too briefly for optimizing SQLite's code.
  const child = spawn(process.execPath, ["--liftoff-only", writerPath, directory], {
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => {
    child.kill("SIGKILL");
  });
  const closed = once(child, "close");
  const acknowledged: string[][] = [];
  const complaints: string[] = [];
  onLine(child, "stdout", (line) => acknowledged.push(line.split(" ")));
  onLine(child, "stderr", (line) => complaints.push(line));
  return {
    acknowledged,
    complaints,
    reach: async (count) => {
      await eventually(() => acknowledged.length >= count || child.exitCode !== null, {
        limitMs: 150_000,
        intervalMs: 2,
      });
      if (acknowledged.length < count) throw new Error(complaints.join("\n"));
    },
    signal: (name) => {
      child.kill(name);
    },
    ended: async () => {
      await closed;
      return child.exitCode;
    },
  };
}

function onLine(
  child: ChildProcess,
  from: "stdout" | "stderr",
  take: (line: string) => void,
): void {
  const input = child[from];
  if (input) createInterface({ input }).on("line", take);
}
