import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";
import { startCpuServer } from "./cpu-server.js";
import { findWeights } from "./network/find-weights.js";
import type { ServerHooks } from "./server-hooks.js";
import type { SwitchPaths } from "./test-switches/test-switches.js";

// The entry of the CPU server's process.

const USAGE = `usage: main.js --dir DIR [--port PORT] [--host HOST] [--threads COUNT]
  [--max-upload-size MIB] [--log FILE] [--test-switches] [--switches JSON]`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      dir: { type: "string" },
      host: { type: "string", default: "127.0.0.1" },
      port: { type: "string", default: "8188" },
      threads: { type: "string", default: String(availableParallelism()) },
      "max-upload-size": { type: "string", default: "100" },
      log: { type: "string" },
      "test-switches": { type: "boolean", default: false },
      switches: { type: "string" },
    },
  });
  if (values.dir === undefined) throw new Error(`--dir is missing\n${USAGE}`);
  if (values.switches !== undefined && !values["test-switches"]) {
    throw new Error("--switches needs --test-switches");
  }
  findWeights();
  endWithParent();
  const url = await startCpuServer({
    dir: values.dir,
    host: values.host,
    port: wholeNumber("port", values.port, 0),
    threadCount: wholeNumber("threads", values.threads, 1),
    maxUploadBytes: Math.round(Number(values["max-upload-size"]) * 1024 * 1024),
    logPath: values.log,
    hooks: values["test-switches"]
      ? await loadSwitches(values.switches, { dir: values.dir, logPath: values.log })
      : {},
    onError: (error) => console.error(error),
  });
  console.log(`cpu-server listening on ${url}`);
  process.send?.({ url });
}

/** A running prompt is lost, as with ComfyUI. No other clean-up is needed. */
function endWithParent(): void {
  const end = () => process.exit(0);
  process.once("SIGTERM", end);
  if (process.channel === undefined) {
    process.once("SIGINT", end);
    return;
  }
  // A terminal sends Ctrl-C to the whole process group, but the parent decides when this child
  // ends.
  process.on("SIGINT", () => undefined);
  process.once("disconnect", end);
}

async function loadSwitches(json = "{}", paths: SwitchPaths): Promise<ServerHooks> {
  const { TestSwitches } = await import("./test-switches/test-switches.js");
  return new TestSwitches(JSON.parse(json), paths);
}

function wholeNumber(name: string, text: string, least: number): number {
  const number = Number(text);
  if (Number.isInteger(number) && number >= least) return number;
  throw new Error(`--${name} "${text}" is not a whole number of at least ${least}`);
}

main().catch((error: Error) => {
  console.error(`Cannot start the CPU server: ${error.message}`);
  process.exit(1);
});
