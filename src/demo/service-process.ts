import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { NODE_FLAGS } from "../lib/node-flags.js";
import { packagePath } from "../lib/package-path.js";

/** A running service that was started by {@link startService}. */
export interface ServiceProcess extends AsyncDisposable {
  readonly url: string;
}

/**
 * Starts the service in its own process, in standalone mode, on a free port, with all its files in
 * `directory`. Disposing stops it with a signal, as an operator would.
 *
 * @throws Error with its last output if it does not start to listen.
 */
export async function startService(
  directory: string,
  signal: AbortSignal,
): Promise<ServiceProcess> {
  const child = spawn(process.execPath, [...NODE_FLAGS, packagePath("dist/main.js")], {
    // The working directory is not the user's, so that a configuration file there is not read.
    cwd: directory,
    env: {
      TMLSR_PORT: "0",
      TMLSR_DATA_DIR: directory,
      TMLSR_WORKFLOWS_DIR: resolve("workflows"),
      TMLSR_INPUT_ALLOW: "127.0.0.1",
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exited = once(child, "exit");
  let lastWords = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    lastWords = text;
  });
  const stop = async (): Promise<void> => {
    child.kill("SIGTERM");
    await exited;
  };
  for await (const line of createInterface({ input: child.stdout, signal })) {
    const url = listeningUrl(line);
    if (url === undefined) continue;
    child.stdout.resume();
    return { url, [Symbol.asyncDispose]: stop };
  }
  await stop();
  throw new Error(`the service did not start: ${lastWords.trim() || "it said nothing"}`);
}

function listeningUrl(line: string): string | undefined {
  const { msg, urls } = JSON.parse(line) as { msg?: string; urls?: string[] };
  return msg === "listening" ? urls?.[0] : undefined;
}
