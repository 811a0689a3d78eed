import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { makeFilm } from "../support/films/make-film.js";
import { repeatFilm } from "../support/films/repeat-film.js";
import { makeDirectory } from "./directory.js";
import { serveContent } from "./origin.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { type BenchService, startService } from "./service.js";

const WORKFLOW = "cpu_video_2x";
const LIMIT_MS = 600_000;
/** Of the film whose packets are repeated. */
const ROUND_FRAMES = 96;
/** Small frames: what the servers really compute of them takes next to nothing. */
export const SMALL = { size: { width: 64, height: 56 }, fps: 24, gop: 24 };
export const FAST = { simulate: { steps: 1, stepMs: 0 } };

/** How far a film goes. */
type End = "cut" | "completed";

/** What was seen of a film. */
export interface FilmRun {
  /** From the submission to the first prompt that a server begins, and to the end. */
  readonly firstMs: number;
  readonly wholeMs: number;
  /** From the first prompt to the end of the last chunk. */
  readonly processMs: number;
  /** From the submission until its first segment can be played; not a number: it was not watched. */
  readonly playableMs: number;
  readonly peakMb: number;
}

/** A film through a service and its servers. */
export interface FilmRunOptions {
  readonly seconds: number;
  readonly film: typeof SMALL;
  readonly serverCount: number;
  readonly switches: typeof FAST;
  readonly chunkFrames: number;
  /** @default completed */
  readonly until?: End;
  /** Whether every server has loaded all that it needs before. @default false */
  readonly isWarm?: boolean;
  /** Whether its preview is waited for. @default false */
  readonly isWatched?: boolean;
  /** How many such films the service makes first. @default 0 */
  readonly filmsBefore?: number;
}

/** Starts servers and a service, makes a film, and sees how it goes through. */
export async function runFilm(options: FilmRunOptions): Promise<FilmRun> {
  const { seconds, film, serverCount, switches, chunkFrames, isWarm = false } = options;
  await using directory = await makeDirectory();
  const starts = Array.from({ length: serverCount }, () => startCpuServer({ switches }));
  const servers = await Promise.all(starts);
  await using _servers = disposeAll(servers);
  const urls = servers.map(({ url }) => url);
  const env = { TMLSR_CHUNK_FRAMES: String(chunkFrames) };
  await using service = await startService({ dataDir: directory.path, servers: urls, env });
  await using rest = connectRest(service.url);
  const isReady = async (): Promise<boolean> => {
    const { pool_status } = await rest.get("/monitor/stats");
    return pool_status.every(({ status }: { status: string }) => status === "idle");
  };
  await eventually(isReady, LIMIT);
  const submit = async (url: string): Promise<string> =>
    (await rest.post("/tasks", { url, type: "video", workflow: WORKFLOW })).task_id;
  if (isWarm) {
    await using origin = await serveFilm(directory.path, film, 2 * serverCount);
    const warmUp = await submit(origin.url);
    await eventually(() => hasEnded(rest, warmUp), LIMIT);
  }
  await using origin = await serveFilm(directory.path, film, seconds);
  for (let film = 0; film < (options.filmsBefore ?? 0); film += 1) {
    const before = await submit(origin.url);
    await eventually(() => hasEnded(rest, before), LIMIT);
  }
  const startedAtMs = performance.now();
  const taskId = await submit(origin.url);
  const watched = options.isWatched ? untilPlayable(service.url, taskId) : undefined;
  await eventually(() => hasBegun(servers, taskId), LIMIT);
  const firstMs = performance.now() - startedAtMs;
  const isCut = () => exists(join(directory.path, "films", taskId, "film.json"));
  const isOver = async () =>
    (await hasEnded(rest, taskId)) || (options.until === "cut" && (await isCut()));
  await eventually(isOver, LIMIT);
  const wholeMs = performance.now() - startedAtMs;
  const { stages } = await rest.get(`/tasks/${taskId}`);
  const processMs = (stages[1]?.duration ?? Number.NaN) * 1000;
  const playableMs = ((await watched) ?? Number.NaN) - startedAtMs;
  return { firstMs, wholeMs, processMs, playableMs, peakMb: await peakMbOf(service) };
}

/** Waits as a player does: for the playlist of the picture, and for its first segment. @returns when that was there. */
async function untilPlayable(url: string, taskId: string): Promise<number> {
  const folder = `${url}/tasks/${taskId}/preview/hls`;
  const segment = await eventually(async () => {
    const answer = await fetch(`${folder}/picture.m3u8`);
    const text = await answer.text();
    return (answer.ok && /^segment-.*$/m.exec(text)?.[0]) || false;
  }, LIMIT);
  const answer = await fetch(`${folder}/${segment}`);
  if (!answer.ok || (await answer.arrayBuffer()).byteLength === 0)
    throw new Error(`The first segment cannot be played: ${answer.status}`);
  return performance.now();
}

async function hasEnded(rest: RestClient, taskId: string): Promise<boolean> {
  const { status, error } = await rest.get(`/tasks/${taskId}`);
  if (status === "failed") throw new Error(error);
  return status === "completed";
}

const LIMIT = { limitMs: LIMIT_MS, intervalMs: 50 };
/** A film that is made by repeating the packets of a short one, at an address. */
async function serveFilm(directory: string, { size, fps, gop }: typeof SMALL, seconds: number) {
  const [short, path] = [join(directory, "short.mp4"), join(directory, "film.mp4")];
  const rate = { num: fps, den: 1 };
  await makeFilm(short, { frameCount: ROUND_FRAMES, size, rate, gop, bFrames: 3 });
  await repeatFilm(path, short, (seconds * fps) / ROUND_FRAMES);
  return await serveContent(await readFile(path));
}

async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  );
}

async function hasBegun(servers: readonly TestCpuServer[], film: string): Promise<boolean> {
  const logs = await Promise.all(servers.map((server) => server.log().catch(() => [])));
  return logs.flat().some(({ event, taskId }) => event === "started" && taskId?.startsWith(film));
}

function disposeAll(servers: readonly TestCpuServer[]): AsyncDisposable {
  return {
    [Symbol.asyncDispose]: async () => {
      for (const server of servers) await server[Symbol.asyncDispose]();
    },
  };
}

/** The most that the service had in memory, as Linux counts it. */
async function peakMbOf({ pid }: BenchService): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024;
}
