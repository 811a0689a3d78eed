import type { Chunk } from "../../domain/film.js";
import { isTerminal } from "../../domain/task.js";
import type { NewChunk } from "../film-queue.js";
import type { Fence, WriteResult } from "../task-queue.js";
import { checkFence } from "./check-fence.js";
import type { Decide } from "./decisions.js";
import { addToFilm, splitInTwo } from "./film-changes.js";

/** Decides about chunks that a film's holder adds to it. */
export function decideGrowth(
  { epoch }: Fence,
  chunks: readonly NewChunk[],
  frameCount: number,
): Decide<WriteResult> {
  return (stored) => {
    const answer = checkFence(stored?.task, epoch);
    if (!stored || answer !== "ok") return { answer };
    const { film, added } = addToFilm(stored.task, chunks, frameCount, stored.now);
    return { answer, next: film, added };
  };
}

/** Decides about a chunk that its holder splits in two. */
export function decideSplit(
  { epoch }: Fence,
  halves: readonly [Chunk, Omit<Chunk, "index">],
): Decide<WriteResult> {
  return (stored) => {
    const answer = checkFence(stored?.task, epoch);
    if (!stored || answer !== "ok") return { answer };
    const { task, film, now } = stored;
    if (!film || isTerminal(film.status)) return { answer: "canceled" };
    const { first, second } = splitInTwo(task, film, halves, now);
    return { answer, next: first, added: [second] };
  };
}
