import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { eventually } from "../eventually.js";
import { readLuma } from "./read-luma.js";
import type { SeamWorkflow } from "./seam-workflows.js";

/** A film that was computed in chunks. */
export interface ChunkedFilm {
  /** The brightness of each frame of the result. */
  readonly frames: readonly Uint8Array[];
  /** The first frames of all chunks but the first. */
  readonly borders: readonly number[];
}

/** A running service, and where files may be written. */
export interface ServiceToAsk {
  readonly url: string;
  readonly directory: string;
}

const LIMIT = { limitMs: 600_000, intervalMs: 50 };

/** Submits a film over HTTP, waits for its end and downloads the result, as a client does. */
export async function runInChunks(
  { url, directory }: ServiceToAsk,
  filmUrl: string,
  { name: workflow }: SeamWorkflow,
): Promise<ChunkedFilm> {
  const request = JSON.stringify({ url: filmUrl, type: "video", workflow });
  const headers = { "content-type": "application/json" };
  const { task_id } = await call(`${url}/tasks`, { method: "POST", headers, body: request });
  const task = await eventually(async () => {
    const { status, error, output } = await call(`${url}/tasks/${task_id}`);
    return status === "completed" || status === "failed" ? { status, error, output } : false;
  }, LIMIT);
  if (task.status !== "completed") throw new Error(task.error);
  const { chunks } = await call(`${url}/tasks/${task_id}/chunks`);
  const result = await fetch(url + new URL(task.output.url).pathname);
  const path = join(directory, `${task_id}.mp4`);
  await writeFile(path, Buffer.from(await result.arrayBuffer()));
  return {
    frames: await readLuma(path),
    borders: chunks.slice(1).map(({ first_frame }: { first_frame: number }) => first_frame),
  };
}

// biome-ignore lint/suspicious/noExplicitAny: what measures looks into answers freely
async function call(url: string, options: RequestInit = {}): Promise<any> {
  const answer = await fetch(url, options);
  if (!answer.ok) throw new Error(`${url}: ${answer.status} ${await answer.text()}`);
  return await answer.json();
}
