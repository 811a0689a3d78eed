import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const SERVERS = fileURLToPath(new URL("bare-servers.ts", import.meta.url));

/** Servers that do nothing but answer. */
export interface BareServers extends AsyncDisposable {
  readonly restUrl: string;
  readonly grpcUrl: string;
}

/** Starts servers in a process of their own, see `bare-servers.ts`. */
export async function startBareServers(text: string, message: Uint8Array): Promise<BareServers> {
  const answers = [Buffer.from(text), Buffer.from(message)].map((one) => one.toString("base64"));
  const args = ["--import", "tsx", SERVERS, ...answers];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const exited = once(child, "exit");
  const [line] = await Promise.race([once(createInterface(child.stdout), "line"), exited]);
  const [restPort, grpcPort] = String(line).split(" ");
  if (grpcPort === undefined) throw new Error("The bare servers did not start");
  return {
    restUrl: `http://127.0.0.1:${restPort}`,
    grpcUrl: `http://127.0.0.1:${grpcPort}`,
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      await exited;
    },
  };
}
