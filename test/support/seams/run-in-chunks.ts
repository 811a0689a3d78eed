import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { openCutter } from "../../../src/film/cut/film-cutter.js";
import { pieceContainer } from "../../../src/film/cut/piece-file.js";
import type { FilmResult } from "../../../src/film/join/film-to-join.js";
import { joinFilm } from "../../../src/film/join/join-film.js";
import { type PlannedPiece, planPieces } from "../../../src/film/plan/plan-pieces.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { bindPrompt } from "../../../src/workflow/bind/bind-prompt.js";
import { buildWorkflow } from "../../../src/workflow/build-workflow.js";
import { filmFrames } from "../../../src/workflow/film-frames.js";
import { parseSidecar } from "../../../src/workflow/read/sidecar.js";
import type { Prompt, Workflow } from "../../../src/workflow/workflow.js";
import type { TestCpuServer } from "../cpu-server.js";
import { type Loose, post, untilHistory, upload } from "../cpu-server-client.js";
import { readLuma } from "./read-luma.js";

/** A film that was computed in chunks. */
export interface ChunkedFilm {
  /** The brightness of each frame of the result. */
  readonly frames: readonly Uint8Array[];
  /** The first frames of all chunks but the first. */
  readonly borders: readonly number[];
}

const FILM: Prompt = {
  "1": { class_type: "LoadVideo", inputs: { file: "in.mp4" } },
  "2": { class_type: "GetVideoComponents", inputs: { video: ["1", 0] } },
  "4": { class_type: "CreateVideo", inputs: { images: ["3", 0], fps: ["2", 2] } },
  "5": {
    class_type: "SaveVideo",
    inputs: {
      ...{ video: ["4", 0], filename_prefix: "x", format: "mp4", codec: "h264" },
      ...{ "codec.encoding": "re-encode", "codec.encoding.crf": 8 },
    },
  },
};

/** The built-in network, which takes every frame for itself. */
export const PER_FRAME = workflow("per-frame", {
  ...FILM,
  "3": {
    class_type: "ImageUpscaleWithModel",
    inputs: { upscale_model: ["6", 0], image: ["2", 0] },
  },
  "6": { class_type: "UpscaleModelLoader", inputs: { model_name: "anime4k-cnn-x2" } },
});

/**
 * A network that looks at 5 frames before and 4 after.
 *
 * @param before of its context
 * @param overlap frames of it that fade into each other. @default none
 */
export function withMemory(before: number, after: number, overlap = 0): Workflow {
  const reach = { before: 5, after: 4 };
  const prompt = {
    ...FILM,
    "3": { class_type: "TestNeighbourMean", inputs: { image: ["2", 0], ...reach } },
  };
  const context = `context: { before: ${before}, after: ${after} }`;
  const join = overlap > 0 ? `, join: crossfade, overlap: ${overlap}` : "";
  return workflow("memory", prompt, `frames: { decoded: "2", made: "3", ${context}${join} }`);
}

function workflow(name: string, prompt: Prompt, sidecar = ""): Workflow {
  return buildWorkflow(name, prompt, parseSidecar(`${name}.yaml`, sidecar));
}

/** Runs a film in chunks of at most `maxFrames`, cut, bound, computed and joined as films are, one after the other. */
export async function runInChunks(
  server: TestCpuServer,
  filmPath: string,
  graph: Workflow,
  maxFrames: number,
): Promise<ChunkedFilm> {
  const { signal } = new AbortController();
  const film = await readFilm(filmPath, signal);
  const { context, multiple, plus, overlap } = filmFrames(graph) ?? {};
  const options = {
    ...{ maxFrames, ...context },
    ...(multiple !== undefined && { multiple }),
    ...(plus !== undefined && { plus }),
    ...(overlap !== undefined && { lead: overlap }),
  };
  await using cutter = await openCutter(filmPath, film, signal);
  const results: FilmResult[] = [];
  const borders: number[] = [];
  const start = { index: 0, firstFrame: 0 };
  for await (const piece of planPieces(filmPath, film, options, start, signal)) {
    const path = join(server.dir, `${randomUUID()}.${pieceContainer(film, piece)}`);
    const { skipCount } = await cutter.cut(piece, path, signal);
    if (piece.firstFrame > 0) borders.push(piece.firstFrame);
    const { frameCount, leadCount = 0 } = piece;
    const made = await runPiece(server, graph, path, piece, skipCount);
    results.push({ path: made, frameCount, leadCount });
  }
  const fading = results.map((result, at) => ({
    ...result,
    fadingCount: Math.min(result.frameCount, results[at + 1]?.leadCount ?? 0),
  }));
  const outPath = join(server.dir, `${randomUUID()}.mp4`);
  await joinFilm({ film, results: fading, outPath, container: "mp4" }, signal);
  return { frames: await readLuma(outPath), borders };
}

async function runPiece(
  { url, dir }: TestCpuServer,
  graph: Workflow,
  path: string,
  { beforeCount, frameCount, afterCount, leadCount = 0 }: PlannedPiece,
  skip: number,
): Promise<string> {
  const inputName = basename(path);
  await upload(url, inputName, new Uint8Array(await readFile(path)));
  const prompt = bindPrompt(graph, {
    ...{ inputName, filenamePrefix: "chunk", parameters: {}, lowMemory: false },
    frames: {
      ...{ skip, before: beforeCount, count: frameCount, after: afterCount },
      ...{ lead: leadCount, fps: 24 },
    },
  });
  const { body } = await post(`${url}/prompt`, { prompt });
  const { outputs, status }: Loose = await untilHistory(url, body.prompt_id);
  if (status.status_str !== "success") throw new Error(JSON.stringify(status.messages.at(-1)));
  return join(dir, "output", outputs[graph.resultNode].images[0].filename);
}
