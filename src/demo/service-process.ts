import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

/** A service that was started here. */
export interface ServiceProcess extends AsyncDisposable {
  readonly url: string;
}

/**
 * Starts the service in a process of its own, standalone on a free port, with all its files in
 * `directory`; disposing stops it as an operator would.
 *
 * @throws Error with what it last said if it does not listen.
 */
export async function startService(
  directory: string,
  signal: AbortSignal,
): Promise<ServiceProcess> {
  const main = fileURLToPath(new URL("../main.js", import.meta.url));
  const child = spawn(process.execPath, ["--enable-source-maps", main], {
    // Elsewhere, so that a configuration file of the user's is not read.
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
