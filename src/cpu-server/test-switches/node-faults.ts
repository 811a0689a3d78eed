import { rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import sharp from "sharp";
import type { NodeResult } from "../nodes/node-class.js";
import { PythonError } from "../python-text.js";
import type { NodeRun } from "../server-hooks.js";
import { crash } from "./crash.js";
import type { NodeFault, Switches } from "./switches.js";

/** Applies the `nodes` switch to a node that is about to run. */
export async function applyNodeFault({ nodes = [] }: Switches, node: NodeRun): Promise<void> {
  const fault = nodes.find((candidate) => isHit(candidate, node) && candidate.count !== 0);
  if (fault === undefined) return;
  if (fault.count !== undefined) fault.count -= 1;
  if (fault.fault === "crash") {
    // The node runs meanwhile.
    setTimeout(crash, fault.afterMs);
    return;
  }
  await sleep(fault.afterMs);
  if (fault.fault === "pause") return;
  if (fault.fault === "fail") throw new PythonError(fault.exceptionType, fault.message);
  await new Promise(() => undefined);
}

/**
 * Applies the `output` switch to the result of an output node. `dir` contains the server's folders.
 */
export async function spoilOutput(
  { output = "normal" }: Switches,
  dir: string,
  result: NodeResult,
): Promise<NodeResult> {
  const images = result.ui?.["images"];
  if (output === "normal" || !Array.isArray(images)) return result;
  if (output === "unlisted") return { values: result.values };
  for (const image of images as unknown as SavedFile[]) {
    const path = join(dir, image.type, image.subfolder, image.filename);
    await SPOIL[output](path);
  }
  return result;
}

const SPOIL = {
  deleted: (path: string) => rm(path),
  empty: (path: string) => truncate(path),
  black: async (path: string) => {
    const { width, height } = await sharp(path).metadata();
    const black = { width, height, channels: 3, background: "black" } as const;
    await writeFile(path, await sharp({ create: black }).png().toBuffer());
  },
};

interface SavedFile {
  readonly filename: string;
  readonly subfolder: string;
  readonly type: string;
}

function isHit(fault: NodeFault, { classType }: NodeRun): boolean {
  return fault.classType === undefined || fault.classType === classType;
}
