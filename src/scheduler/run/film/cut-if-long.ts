import type { ReadyInput } from "../../../pipeline/download-stage.js";
import { depthOf, lossesOf } from "../../../pipeline/film/check-film-kind.js";
import { knownFilm } from "../../../pipeline/film/known-film.js";
import type { WorkDir } from "../../../pipeline/work-dir.js";
import type { Workflow } from "../../../workflow/workflow.js";
import { persist } from "../../lease/persist.js";
import type { RunContext, RunState } from "../run-context.js";
import { requireDepth } from "./keeps-depth.js";
import { planFilm } from "./plan-film.js";

/** A film whose file is here. */
export interface FilmAtHand {
  readonly run: RunState;
  readonly input: ReadyInput;
  readonly workflow: Workflow;
  readonly workDir: WorkDir;
}

/**
 * Cuts a film that is too long for one prompt, or that was begun to be cut.
 *
 * @returns whether it did; false: it runs as one prompt.
 * @throws TaskError INPUT_TYPE_UNSUPPORTED for a film that would come back with less than it has.
 */
export async function cutIfLong(at: FilmAtHand, context: RunContext): Promise<boolean> {
  const { run, input, workflow, workDir } = at;
  const { heldTask } = run;
  const { signal, task } = heldTask;
  const film = await knownFilm(input, workDir, signal);
  const depth = depthOf(film);
  if (depth !== undefined) requireDepth(depth, workflow, task.parameters, context);
  if (depth !== undefined) heldTask.noteInput({ ...input.facts, depth });
  await heldTask.recordNotes(lossesOf(film));
  if (task.chunking === "off") return false;
  const isBegun = task.film !== undefined;
  const [first] = isBegun ? await persist(() => context.store.chunks(task.taskId), signal) : [];
  const plan = planFilm(heldTask, workflow, film, first?.variant, context);
  if (plan === undefined || (!isBegun && film.times.length <= plan.maxFrames)) return false;
  const { cutFilm } = await import("./cut-film.js");
  await cutFilm({ run, input, film, plan, workDir }, context);
  return true;
}
