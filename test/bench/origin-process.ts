import { fork } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { makeDirectory } from "./directory.js";
import type { Origin } from "./origin.js";

const PROGRAM = fileURLToPath(new URL("origin-program.ts", import.meta.url));

/** Serves one file under any path from a process of its own, so that no client's work delays it. */
export async function startOrigin(content: Buffer): Promise<Origin> {
  const directory = await makeDirectory();
  const path = join(directory.path, "content");
  await writeFile(path, content);
  const child = fork(PROGRAM, [path], { execArgv: ["--import", "tsx"] });
  const exited = once(child, "exit");
  const [url] = (await Promise.race([once(child, "message"), exited])) as [unknown];
  if (typeof url !== "string") throw new Error("The origin did not start");
  return {
    url,
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await exited;
      await directory[Symbol.asyncDispose]();
    },
  };
}
