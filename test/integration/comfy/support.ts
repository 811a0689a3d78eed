import { randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pino } from "pino";
import { onTestFinished } from "vitest";
import { ComfyServer, type ComfyServerOptions } from "../../../src/comfy/comfy-server.js";
import type { Prompt } from "../../../src/comfy/prompt/prompt.js";
import type { PromptEnd } from "../../../src/comfy/prompt/prompt-end.js";
import { type FollowOptions, PromptFollower } from "../../../src/comfy/prompt/prompt-follower.js";
import type { OutputFile } from "../../../src/domain/task.js";
import { scalePrompt, smallPicture, upscalePrompt } from "../../support/cpu-server-client.js";
import { tempDir } from "../../support/temp-dir.js";

/** Never aborted. */
export const signal = new AbortController().signal;

/** Quick where the defaults are patient. */
const LIMITS = { absentPauseMs: 50, lookUpMs: 30_000, reconnectMs: 200 };

/** A client of a server, disposed when the test has finished. */
export function clientOf(
  url: string,
  limits: ComfyServerOptions["limits"] = {},
  rest: Partial<ComfyServerOptions> = {},
): ComfyServer {
  const logger = pino({ level: "silent" });
  const comfy = new ComfyServer({ url, limits: { ...LIMITS, ...limits }, logger, ...rest });
  onTestFinished(() => comfy[Symbol.asyncDispose]());
  return comfy;
}

/** A prompt with an id of its own, whose input is on the server; outputs under a prefix of its own. */
export interface TestPrompt {
  readonly promptId: string;
  readonly prompt: Prompt;
}

/** LoadImage, ImageScale, SaveImage (node 3). */
export async function quickPrompt(comfy: ComfyServer): Promise<TestPrompt> {
  const promptId = randomUUID();
  return { promptId, prompt: scalePrompt(await uploadPicture(comfy), `t/${promptId}/out`) };
}

/** LoadImage, UpscaleModelLoader, ImageUpscaleWithModel, SaveImage (node 4). */
export async function networkPrompt(comfy: ComfyServer): Promise<TestPrompt> {
  const promptId = randomUUID();
  return { promptId, prompt: upscalePrompt(await uploadPicture(comfy), `t/${promptId}/out`) };
}

/** Sends a small picture under a name of its own. @returns its name there */
async function uploadPicture(comfy: ComfyServer): Promise<string> {
  const path = join(await tempDir(), "in.png");
  const picture = await smallPicture();
  await writeFile(path, picture);
  const place = { subfolder: "t", fileName: `${randomUUID()}.png`, sizeBytes: picture.length };
  return await comfy.uploadInput(path, place, signal);
}

/** Follows a prompt that the server has, or had, to its end. */
export async function followPrompt(
  comfy: ComfyServer,
  promptId: string,
  options: FollowOptions,
): Promise<PromptEnd> {
  using follower = new PromptFollower(comfy, promptId, options);
  return await follower.end();
}

/** The first file of a node of a prompt that succeeded. */
export function outputOf(end: PromptEnd, nodeId: string): OutputFile {
  const file = end.kind === "success" ? end.outputs[nodeId]?.["images"]?.[0] : undefined;
  if (file === undefined) throw new Error(`No output of node ${nodeId}: ${JSON.stringify(end)}`);
  return file;
}

/** Whether a buffer has the bytes of another: `toEqual` takes seconds for as much. */
export function same(expected: Buffer): (actual: Buffer) => boolean {
  return (actual) => actual.equals(expected);
}
