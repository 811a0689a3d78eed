import type { Chunk } from "../../../domain/film.js";
import { filmFrames } from "../../../workflow/film-frames.js";
import { graphNamed } from "../../../workflow/variants.js";
import type { FilmFrames, Workflow } from "../../../workflow/workflow.js";
import type { HeldTask } from "../../lease/held-task.js";

/** Fewer frames are not split: what does not fit then is not the frames' fault. */
const LEAST_FRAMES = 8;

const NO_CONTEXT = { before: 0, after: 0 };

/**
 * Makes two of a chunk that ran out of memory whatever was tried, unless it is short.
 *
 * @throws TaskLetGo where it did: the first half is leased anew.
 */
export async function splitOverfull(heldTask: HeldTask, workflow: Workflow): Promise<void> {
  const { chunk } = heldTask.task;
  const frames = filmFrames(graphNamed(workflow, heldTask.variant));
  const halves = chunk && splitChunk(chunk, frames ?? {});
  if (halves === undefined) return;
  await heldTask.write((store) => store.splitChunk(heldTask.fence, ...halves));
  heldTask.end("terminal");
  heldTask.signal.throwIfAborted();
}

/** The two halves of a chunk. */
export type Halves = readonly [Chunk, Omit<Chunk, "index">];

/**
 * Splits a chunk, which ran out of memory, into two of the same piece.
 *
 * @param frames what the network is to see around those of a chunk, and what is mixed at a border.
 * @returns undefined where it is short already.
 */
function splitChunk(
  chunk: Chunk,
  { context = NO_CONTEXT, overlap = 0 }: Partial<FilmFrames>,
): Halves | undefined {
  const { firstFrame, frameCount, skipCount, beforeCount, afterCount } = chunk;
  if (frameCount < 2 * LEAST_FRAMES) return undefined;
  const half = Math.ceil(frameCount / 2);
  const rest = frameCount - half;
  const halfSeconds = (chunk.durationSeconds * half) / frameCount;
  const before = Math.min(context.before, beforeCount + half);
  const first: Chunk = {
    ...{ ...chunk, frameCount: half, durationSeconds: halfSeconds },
    afterCount: Math.min(context.after, rest + afterCount),
  };
  const { index: _, ...second } = {
    ...{ ...chunk, firstFrame: firstFrame + half, frameCount: rest },
    skipCount: skipCount + beforeCount + half - before,
    beforeCount: before,
    leadCount: Math.min(overlap, before),
    startSeconds: chunk.startSeconds + halfSeconds,
    durationSeconds: chunk.durationSeconds - halfSeconds,
  };
  return [first, second];
}
