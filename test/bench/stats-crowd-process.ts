import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const CROWD = fileURLToPath(new URL("stats-crowd.ts", import.meta.url));

/** Starts clients in a process of their own, see `stats-crowd.ts`; disposing ends them. */
export async function startCrowd(
  url: string,
  what: "streams" | "flood",
  count: number,
): Promise<AsyncDisposable> {
  const args = ["--import", "tsx", CROWD, url, what, String(count)];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  if (line !== "served") throw new Error("The crowd was not served");
  return {
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
