import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { startCpuServer } from "../support/cpu-server.js";
import { makeMovingFilm } from "../support/seams/moving-film.js";
import { runInChunks } from "../support/seams/run-in-chunks.js";
import { seamSteps } from "../support/seams/seam-steps.js";
import { PER_FRAME, withMemory, writeWorkflows } from "../support/seams/seam-workflows.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { linePlot, type PlotLine } from "./line-plot.js";
import { serveContent } from "./origin.js";
import { startService } from "./service.js";

const FRAME_COUNT = 360;
/** Of a chunk, with its context. */
const CHUNK_FRAMES = 45;
const PLOT = fileURLToPath(new URL("../../docs/seams.svg", import.meta.url));
const NO_SEAM = 0.05;

const RUNS = [
  { name: "every frame for itself", colour: "#888", workflow: PER_FRAME, isClean: true },
  ...[
    { context: [0, 0], colour: "#c33", isClean: false },
    { context: [2, 2], colour: "#e90", isClean: false },
    { context: [5, 4], colour: "#27c", isClean: true },
    { context: [8, 0], colour: "#93c", isClean: false },
    { context: [8, 0], overlap: 8, colour: "#3a6", isClean: false },
  ].map(({ context: [before = 0, after = 0], overlap = 0, ...run }) => ({
    ...run,
    name: `memory of 5 + 4 frames, context of ${before} + ${after}${overlap > 0 ? `, ${overlap} mixed` : ""}`,
    workflow: withMemory(before, after, overlap),
  })),
];

/**
 * What is seen at the borders of a film's chunks: the step over a border, against the ordinary steps from frame to frame
 * beside it. By the built-in network, and by one that looks at its neighbours; of films that are submitted to a service
 * and downloaded. Draws docs/seams.svg.
 */
export const seams: Subject = {
  name: "seams",
  async measure({ say }) {
    await using server = await startCpuServer({ threads: 2, switches: { seesNeighbours: true } });
    await using directory = await makeDirectory();
    const workflows = join(directory.path, "workflows");
    await mkdir(workflows);
    await writeWorkflows(
      workflows,
      RUNS.map(({ workflow }) => workflow),
    );
    const env = { TMLSR_CHUNK_FRAMES: String(CHUNK_FRAMES), TMLSR_WORKFLOWS_DIR: workflows };
    const options = { dataDir: directory.path, servers: [server.url], env };
    await using service = await startService(options);
    const film = join(directory.path, "film.mp4");
    await makeMovingFilm(film, FRAME_COUNT);
    await using origin = await serveContent(await readFile(film));
    const figures: Figure[] = [];
    const lines: PlotLine[] = [];
    for (const { name, colour, workflow, isClean } of RUNS) {
      say(name);
      const asked = { url: service.url, directory: directory.path };
      const run = await runInChunks(asked, origin.url, workflow);
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
