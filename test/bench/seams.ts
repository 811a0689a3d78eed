import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCpuServer } from "../support/cpu-server.js";
import { makeMovingFilm } from "../support/seams/moving-film.js";
import { PER_FRAME, runInChunks, withMemory } from "../support/seams/run-in-chunks.js";
import { seamSteps } from "../support/seams/seam-steps.js";
import type { Figure, Subject } from "./figure.js";
import { linePlot, type PlotLine } from "./line-plot.js";

const FRAME_COUNT = 360;
/** Of a chunk, beside the context. */
const OWN_FRAMES = 36;
const PLOT = fileURLToPath(new URL("../../docs/seams.svg", import.meta.url));
const NO_SEAM = 0.05;

const RUNS = [
  { name: "every frame for itself", colour: "#888", graph: PER_FRAME, context: 0, isClean: true },
  ...[
    { context: [0, 0], colour: "#c33", isClean: false },
    { context: [2, 2], colour: "#e90", isClean: false },
    { context: [5, 4], colour: "#27c", isClean: true },
    { context: [8, 0], colour: "#93c", isClean: false },
    { context: [8, 0], overlap: 8, colour: "#3a6", isClean: false },
  ].map(({ context: [before = 0, after = 0], overlap = 0, ...run }) => ({
    ...run,
    name: `memory of 5 + 4 frames, context of ${before} + ${after}${overlap > 0 ? `, ${overlap} mixed` : ""}`,
    graph: withMemory(before, after, overlap),
    context: before + after,
  })),
];

/**
 * What is seen at the borders of a film's chunks: the step over a border, against the ordinary steps from frame to frame
 * beside it. By the built-in network, and by one that looks at its neighbours. Draws docs/seams.svg.
 */
export const seams: Subject = {
  name: "seams",
  async measure({ say }) {
    await using server = await startCpuServer({ threads: 2, switches: { seesNeighbours: true } });
    const film = join(server.dir, "film.mp4");
    await makeMovingFilm(film, FRAME_COUNT);
    const figures: Figure[] = [];
    const lines: PlotLine[] = [];
    for (const { name, colour, graph, context, isClean } of RUNS) {
      say(name);
      const run = await runInChunks(server, film, graph, OWN_FRAMES + context);
      const points = seamSteps(run);
      const value = points.get(0) ?? Number.NaN;
      const what = `step over ${run.borders.length} borders, ${name}`;
      figures.push({ what, value, unit: "", ...(isClean && { goal: { atMost: 1 + NO_SEAM } }) });
      lines.push({ name, colour, points });
    }
    await writeFile(PLOT, plotOf(lines));
    return figures;
  },
};

function plotOf(lines: readonly PlotLine[]): string {
  return linePlot({
    title: "What is seen at the borders of chunks",
    upLabel: "step from frame to frame, against the ordinary step (1: nothing is seen)",
    acrossLabel: "frames from the border",
    upTicks: [0, 1, 2, 3, 4, 5],
    lines,
  });
}
