import { mkdir, readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { type FastifyInstance, fastify } from "fastify";
import { onTestFinished } from "vitest";
import { registerFilmPreviews } from "../../../src/api/http/film-preview-route.js";
import { chunkId } from "../../../src/domain/film.js";
import { joinFilm } from "../../../src/film/join/join-film.js";
import { addToPreview, beginPreview } from "../../../src/film/preview/film-preview.js";
import { readFilm } from "../../../src/film/read/read-film.js";
import { FilmPreviews } from "../../../src/service/film-previews.js";
import { createLocalStorage } from "../../../src/storage/local/local-storage.js";
import type { ObjectStorage } from "../../../src/storage/object-storage.js";
import { openEmbeddedStore } from "../../../src/store/embedded/open-embedded-store.js";
import type { TaskStore } from "../../../src/store/task-store.js";
import { leaseChunk, leaseFilm } from "../film-builders.js";
import { fenceOf } from "../task-store-builders.js";
import { tempDir } from "../temp-dir.js";
import { type FilmOptions, makeFilm } from "./make-film.js";
import { readShown } from "./read-film-clip.js";
import { OTHER_BUILD, saveResults } from "./save-results.js";

const SIGNAL = new AbortController().signal;

/** A film whose chunks wait to be completed, and a server that shows it. */
export interface PreviewedFilm {
  readonly film: string;
  readonly url: string;
  readonly app: FastifyInstance;
  readonly store: TaskStore;
  readonly storage: ObjectStorage;
  readonly previews: FilmPreviews;
  /** By how much the service's clock is later than it is. */
  readonly clock: { laterMs: number };
  /** Completes a chunk; any order. */
  complete(index: number): Promise<void>;
}

/**
 * Makes a film of 24 frames a second and of chunks that servers of two builds compute in turn. `GET /page`
 * is a page that plays films, also with hls.js; `GET /joined.mp4` is the whole film.
 *
 * @param remote - where segments are kept. @default the local disk
 */
export async function previewedFilm(
  counts: readonly number[],
  options: FilmOptions = { sound: [{ codec: "aac" }] },
  remote?: ObjectStorage,
): Promise<PreviewedFilm> {
  const directory = await tempDir();
  const frameCount = counts.reduce((sum, count) => sum + count, 0);
  const source = join(directory, "source.mp4");
  await makeFilm(source, { ...options, frameCount });
  const facts = await readFilm(source, SIGNAL);
  const frames = await readShown(source);
  const results = saveResults(directory, frames, counts, [{}, { encoder: OTHER_BUILD }]);
  const joined = join(directory, "joined.mp4");
  await joinFilm(
    { film: facts, results, restPath: source, outPath: joined, container: "mp4" },
    SIGNAL,
  );
  const store = await openEmbeddedStore({ directory: join(directory, "store") });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const local = createLocalStorage({ directory: join(directory, "objects"), publicUrl: "" });
  const storage = remote ?? local;
  await mkdir(join(directory, "work"));
  const place = { storage, directory: join(directory, "work") };
  const fence = await leaseFilm(store);
  const film = fence.taskId;
  await beginPreview({ film, facts, path: source, maxFrames: Math.max(...counts) }, place, SIGNAL);
  let firstFrame = 0;
  const chunks = counts.map((count, index) => {
    const chunk = {
      ...{
        film,
        index,
        firstFrame,
        frameCount: count,
        skipCount: 0,
        beforeCount: 0,
        afterCount: 0,
      },
      ...{ startSeconds: firstFrame / 24, durationSeconds: count / 24, pieceKey: "work/piece" },
    };
    firstFrame += count;
    return chunk;
  });
  await store.addChunks(fence, chunks, frameCount);
  await store.settle(fence, { kind: "cut" });
  const leased = await Promise.all(counts.map(() => leaseChunk(store)));
  const clock = { laterMs: 0 };
  const previews = new FilmPreviews({
    ...{
      ...place,
      store,
      previewMs: 3_600_000,
      now: () => Date.now() + clock.laterMs,
      publicUrl: "http://service",
    },
  });
  const app = fastify();
  onTestFinished(() => app.close());
  registerFilmPreviews(app, previews, remote ?? { files: local });
  await registerPage(app, joined);
  const url = await app.listen({ port: 0, host: "127.0.0.1" });
  const complete = async (index: number): Promise<void> => {
    const task = leased.find(({ taskId }) => taskId === chunkId(film, index))!;
    const fileName = `result-00000${index}-abcdef01.mp4`;
    const key = `work/${film}/${fileName}`;
    await addToPreview(
      { chunk: chunks[index]!, path: results[index]!.path, resultKey: key },
      place,
      SIGNAL,
    );
    const output = { key, sizeBytes: 1, mediaType: "video/mp4", fileName };
    await store.settle(fenceOf(task), { kind: "completed", outputs: [output] });
  };
  return { film, url, app, store, storage, previews, clock, complete };
}

async function registerPage(app: FastifyInstance, joined: string): Promise<void> {
  const require = createRequire(import.meta.url);
  const script = await readFile(require.resolve("hls.js/dist/hls.min.js"));
  const page = await readFile("test/fixtures/films/player.html");
  app.get("/hls.js", (_request, reply) => reply.type("text/javascript").send(script));
  app.get("/page", (_request, reply) => reply.type("text/html").send(page));
  const film = await readFile(joined);
  app.get("/joined.mp4", (request, reply) => {
    const [, from = "0", to = ""] = /bytes=(\d+)-(\d*)/.exec(request.headers.range ?? "") ?? [];
    const [first, last] = [Number(from), to === "" ? film.length - 1 : Number(to)];
    reply.code(206).header("content-range", `bytes ${first}-${last}/${film.length}`);
    return reply.type("video/mp4").send(film.subarray(first, last + 1));
  });
}
