import type { Chunk } from "../../../domain/film.js";
import { addToPreview, beginPreview } from "../../../film/preview/film-preview.js";
import type { PreviewPlace } from "../../../film/preview/preview-storage.js";
import { patiently } from "../../../pipeline/film/patiently.js";
import type { WorkDir } from "../../../pipeline/work-dir.js";
import type { RunContext } from "../run-context.js";
import type { FilmToCut } from "./film-to-cut.js";

/**
 * Begins what is shown of a film while it runs. The film counts without it: what fails is logged, and
 * the promise never rejects.
 */
export async function beginShowing(
  { run: { heldTask }, film: facts, input, plan, workDir }: FilmToCut,
  context: RunContext,
): Promise<void> {
  const { taskId: film, signal } = heldTask;
  const { path } = input;
  const toShow = { film, facts, path, maxFrames: plan.maxFrames };
  const place = placeOf(workDir, context);
  await unlessFails(film, () => beginPreview(toShow, place, signal), signal, context);
}

/** The result of a chunk, as a file here and as it will be stored. */
export interface ChunkResult {
  readonly chunk: Pick<Chunk, "film" | "firstFrame" | "frameCount">;
  readonly path: string;
  readonly resultKey: string;
}

/** Shows the result of a chunk; as {@link beginShowing} it never rejects. */
export async function showChunk(
  result: ChunkResult,
  workDir: WorkDir,
  context: RunContext,
  signal: AbortSignal,
): Promise<void> {
  const place = placeOf(workDir, context);
  const { film } = result.chunk;
  await unlessFails(film, () => addToPreview(result, place, signal), signal, context);
}

function placeOf({ path: directory }: WorkDir, { upload }: RunContext): PreviewPlace {
  return { storage: upload.storage, directory };
}

async function unlessFails(
  taskId: string,
  show: () => Promise<void>,
  signal: AbortSignal,
  { films, logger }: RunContext,
): Promise<void> {
  if (!films.hasPreviews) return;
  // Players cannot be told of a segment later, so that a storage that is away is waited for.
  await patiently(show, films.patience, signal).catch((error: unknown) => {
    if (!signal.aborted) logger.warn({ taskId, err: error }, "preview of a film not made");
  });
}
