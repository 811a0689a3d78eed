import { TaskEnded } from "../failure.js";
import type { TaskDocument } from "../service/documents.js";
import { downloadResult } from "../service/download.js";
import type { Service } from "../service/service.js";
import { watchTask } from "../service/watch.js";
import { findOrCreate } from "./find-task.js";
import { type Input, type Job, type Out, resultPath, sourceOf } from "./input.js";

/** Where one input is, for whoever shows it. */
export type Step =
  | { readonly kind: "hashing" }
  | { readonly kind: "uploading"; readonly ratio: number }
  | { readonly kind: "task"; readonly task: TaskDocument }
  | { readonly kind: "fetching"; readonly task: TaskDocument }
  | { readonly kind: "done"; readonly task: TaskDocument; readonly path: string }
  | { readonly kind: "failed"; readonly message: string; readonly task?: TaskDocument };

/** Takes one input through the service until its result is here. */
export interface UpscaleOptions {
  readonly service: Service;
  readonly job: Job;
  readonly out: Out;
  readonly signal: AbortSignal;
}

/**
 * Upscales one input. Every step looks at what is there first: a command that was killed goes on where
 * it was.
 *
 * @throws TaskEnded if the task does not complete, CommandFailure.
 */
export async function upscale(
  input: Input,
  { service, job, out, signal }: UpscaleOptions,
  onStep: (step: Step) => void,
): Promise<void> {
  onStep({ kind: "hashing" });
  const source = await sourceOf(input, job, signal);
  const onUpload = (sentBytes: number, totalBytes: number): void =>
    onStep({ kind: "uploading", ratio: totalBytes > 0 ? sentBytes / totalBytes : 1 });
  const taskId = await findOrCreate(service, input, job, source, signal, onUpload);
  let last: TaskDocument | undefined;
  for await (const task of watchTask(service, taskId, signal)) {
    last = task;
    onStep({ kind: "task", task });
  }
  if (last?.output == null) throw new TaskEnded(last, taskId);
  const path = resultPath(input, last.output.file_name, out);
  onStep({ kind: "fetching", task: last });
  await downloadResult(service, last, last.output, path, signal);
  onStep({ kind: "done", task: last, path });
}
