import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { ROOT } from "./doc-blocks.js";

const run = promisify(execFile);

/** A project that has the client's package and nothing else. Disposing removes it. */
export interface ClientProject extends AsyncDisposable {
  readonly directory: string;
}

/** Packs the client and installs the tarball into an empty project, as another program would. */
export async function installClient(): Promise<ClientProject> {
  const directory = await mkdtemp(join(tmpdir(), "tmlsr-client-"));
  const pack = ["pack", "--silent", "-w", "tmlsr-client", "--pack-destination", directory];
  const { stdout } = await run("npm", pack, { cwd: ROOT });
  await writeFile(join(directory, "package.json"), '{ "type": "module" }');
  const install = ["install", "--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts"];
  await run("npm", [...install, join(directory, stdout.trim())], { cwd: directory });
  return {
    directory,
    [Symbol.asyncDispose]: () => rm(directory, { recursive: true, force: true, maxRetries: 5 }),
  };
}
