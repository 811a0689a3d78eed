import type { FilmFacts } from "../../../film/film-facts.js";
import { defined } from "../../../lib/defined.js";
import { chunkFrames } from "../../../workflow/bind/chunk-frames.js";
import { variantOn } from "../../../workflow/check/missing-for.js";
import { filmFrames } from "../../../workflow/film-frames.js";
import { graphNamed, onlyVariant, type Variant, variantsOf } from "../../../workflow/variants.js";
import type { FilmFrames, Workflow } from "../../../workflow/workflow.js";
import type { HeldTask } from "../../lease/held-task.js";
import type { RunContext } from "../run-context.js";
import { keepsDepth } from "./keeps-depth.js";

/** How a film is computed in chunks. */
export interface FilmPlan {
  /** The variant of the workflow that all its chunks run; absent: the workflow has none. */
  readonly variant?: string;
  readonly frames: FilmFrames;
  /** Frames that one prompt computes at most, those around its own included. */
  readonly maxFrames: number;
}

/** Longer chunks save nothing; shorter ones are seen sooner and spread more evenly over the servers. */
const AUTO_MAX_FRAMES = 240;

/**
 * Says how a film is computed in chunks: by which variant, and how long they are to fit into the memory
 * of every server that can run it.
 *
 * @param chosen the variant of the chunks that are stored already.
 * @returns undefined where no server can compute chunks.
 */
export function planFilm(
  { task: { parameters }, input }: HeldTask,
  workflow: Workflow,
  { width, height }: FilmFacts,
  chosen: string | undefined,
  { pool, films }: Pick<RunContext, "pool" | "films">,
): FilmPlan | undefined {
  const only = chosen === undefined ? workflow : onlyVariant(workflow, chosen);
  const runs = pool.servers.flatMap(({ capability, memory }) => {
    if (capability === undefined || !keepsDepth(capability, only, parameters, input?.depth))
      return [];
    const run = variantOn(only, capability, parameters, true);
    return run === undefined ? [] : [{ variant: run.name, memory }];
  });
  const variant = chosen ?? mostRun(workflow, runs)?.name;
  const graph = graphNamed(workflow, variant);
  const frames = filmFrames(graph);
  const same = runs.filter((run) => run.variant === variant);
  if (frames === undefined || (same.length === 0 && chosen === undefined)) return undefined;
  const room = { graph, values: parameters, width, height };
  const bound = films.chunkFrames ?? AUTO_MAX_FRAMES;
  const counts = same.map(({ memory }) =>
    chunkFrames({ ...room, maxFrames: bound, ...defined({ memory }) }),
  );
  const maxFrames = counts.length > 0 ? Math.min(...counts) : bound;
  return { frames, maxFrames, ...defined({ variant }) };
}

/** The variant that most servers run, so that as many as can be take part; of several the first. */
function mostRun(
  workflow: Workflow,
  runs: readonly { readonly variant: string | undefined }[],
): Variant | undefined {
  const count = ({ name }: Variant): number => runs.filter((run) => run.variant === name).length;
  return [...variantsOf(workflow)].sort((a, b) => count(b) - count(a))[0];
}
