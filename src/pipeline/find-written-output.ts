import { basename, dirname } from "node:path/posix";
import type { ComfyServer } from "../comfy/comfy-server.js";
import type { OutputFile } from "../domain/task.js";

/**
 * What save nodes append to their prefix for the first file: `_00001_` is SaveImage's and
 * SaveVideo's, `_00001` VideoHelperSuite's, `_00001-audio` the same with sound.
 */
const SUFFIXES = ["_00001_.png", "_00001_.mp4", "_00001_.webm", "_00001-audio.mp4", "_00001.mp4"];

/**
 * Looks for the file of a prompt of which the server has neither queue entry nor history, as after
 * the server's restart. The prefix belongs to this prompt alone, so a file under it can only be its
 * result.
 */
export async function findWrittenOutput(
  comfy: ComfyServer,
  filenamePrefix: string,
  signal: AbortSignal,
): Promise<OutputFile | undefined> {
  const subfolder = dirname(filenamePrefix);
  for (const suffix of SUFFIXES) {
    const file = { filename: `${basename(filenamePrefix)}${suffix}`, subfolder, type: "output" };
    if ((await comfy.headView(file, signal)) !== undefined) return file;
  }
  return undefined;
}
