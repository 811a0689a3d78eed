import type { FilmFacts } from "../../../film/film-facts.js";
import type { ReadyInput } from "../../../pipeline/download-stage.js";
import type { WorkDir } from "../../../pipeline/work-dir.js";
import type { RunState } from "../run-context.js";
import type { FilmPlan } from "./plan-film.js";

/** A film that is here and is to run as several chunks. */
export interface FilmToCut {
  readonly run: RunState;
  readonly input: ReadyInput;
  readonly film: FilmFacts;
  readonly plan: FilmPlan;
  readonly workDir: WorkDir;
}
