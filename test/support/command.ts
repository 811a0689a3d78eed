import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/command/main.js", import.meta.url));

/** The command `tmlsr` from `dist` as a process of its own. */
export interface RunningCommand {
  readonly child: ChildProcess;
  /** What it printed so far. */
  readonly output: () => { readonly stdout: string; readonly stderr: string };
  readonly ended: Promise<CommandEnd>;
}

/** How a command ended. */
export interface CommandEnd {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  /** The JSON lines of its standard output. */
  // biome-ignore lint/suspicious/noExplicitAny: tests look into it freely
  readonly lines: readonly any[];
}

/**
 * Starts `tmlsr ARGS`.
 *
 * @param cwd where it runs
 * @param url of the service
 * @param env more of its environment
 */
export function startCommand(
  args: readonly string[],
  cwd: string,
  url: string,
  env: Readonly<Record<string, string>> = {},
): RunningCommand {
  const child = spawn(process.execPath, [MAIN, ...args], {
    cwd,
    env: { TMLSR_URL: url, ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const printed = { stdout: "", stderr: "" };
  child.stdout.on("data", (text: Buffer) => {
    printed.stdout += text.toString();
  });
  child.stderr.on("data", (text: Buffer) => {
    printed.stderr += text.toString();
  });
  const ended = once(child, "close").then(([code]) => ({
    code: code as number | null,
    ...printed,
    lines: jsonLines(printed.stdout),
  }));
  return { child, output: () => printed, ended };
}

/** Runs `tmlsr ARGS` to its end. */
export async function runCommand(
  args: readonly string[],
  cwd: string,
  url: string,
): Promise<CommandEnd> {
  return await startCommand(args, cwd, url).ended;
}

function jsonLines(stdout: string): readonly unknown[] {
  return stdout
    .split("\n")
    .filter((line) => line.startsWith("{"))
    .map((line) => JSON.parse(line) as unknown);
}
