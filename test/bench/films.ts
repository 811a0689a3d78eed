import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { makeFilm } from "../support/films/make-film.js";
import { repeatFilm } from "../support/films/repeat-film.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { serveContent } from "./origin.js";
import { connectRest } from "./rest-client.js";
import { type BenchService, startService } from "./service.js";

const WORKFLOW = "cpu_video_2x";
const LIMIT_MS = 1_800_000;
const ROUND_SECONDS = 4;
const FPS = 24;
/** Small frames: what the servers really compute of them takes next to nothing. */
const SMALL = { width: 64, height: 56 };
const LARGE = { width: 640, height: 360 };
/** A chunk of 24 frames takes four seconds. */
const SLOW = { simulate: { steps: 1, stepMs: 160 } };
const FAST = { simulate: { steps: 1, stepMs: 0 } };

interface Run {
  /** From the submission to the first prompt that a server begins, and to the end. */
  readonly firstMs: number;
  readonly wholeMs: number;
  readonly joinMs: number;
  readonly peakMb: number;
}

interface RunOptions {
  readonly seconds: number;
  readonly size: typeof SMALL;
  readonly serverCount: number;
  readonly switches: typeof FAST;
  readonly chunkFrames: number;
  /** Whether the first prompt is all that is waited for. @default false */
  readonly isFirstAll?: boolean;
}

/** Films through the whole service: over several servers, in flat memory, soon begun and quickly joined. */
export const films: Subject = {
  name: "films",
  async measure({ say }) {
    const speedUps = await speedUp(say);
    say("an hour of 640x360, to its first prompt");
    const begun = await run({
      ...{ seconds: 3600, size: LARGE, serverCount: 1, switches: SLOW, chunkFrames: 240 },
      isFirstAll: true,
    });
    const long = { size: SMALL, serverCount: 2, switches: FAST, chunkFrames: 1200 };
    say("a minute");
    const minute = await run({ ...long, seconds: 60 });
    say("an hour");
    const hour = await run({ ...long, seconds: 3600 });
    return [
      ...speedUps,
      {
        what: "an hour of 640x360, from its submission to the first prompt",
        ...{ value: begun.firstMs / 1000, unit: "s", goal: { atMost: 5 } },
      },
      {
        what: "memory of the service at its peak with an hour of film, over that with a minute",
        ...{ value: hour.peakMb / minute.peakMb, unit: "", goal: { atMost: 1.1 } },
        note: `${Math.round(hour.peakMb)} and ${Math.round(minute.peakMb)} MB`,
      },
      {
        what: "an hour of film joined and stored, in times of its own length",
        ...{ value: 3_600_000 / hour.joinMs, unit: "", goal: { atLeast: 50 } },
        note: `frames of ${SMALL.width * 2}x${SMALL.height * 2}`,
      },
    ];
  },
};

async function speedUp(say: (text: string) => void): Promise<readonly Figure[]> {
  const times = new Map<number, number>();
  for (const serverCount of [1, 2, 4]) {
    say(`24 chunks on ${serverCount} servers`);
    const options = { seconds: 24, size: SMALL, switches: SLOW, chunkFrames: 24 };
    times.set(serverCount, (await run({ ...options, serverCount })).wholeMs);
  }
  const one = times.get(1) ?? Number.NaN;
  return [2, 4].map((serverCount) => ({
    what: `speed-up with ${serverCount} servers, from submission to end`,
    value: one / (times.get(serverCount) ?? Number.NaN),
    ...{ unit: "", goal: { atLeast: 0.9 * serverCount } },
    note: `${((times.get(serverCount) ?? 0) / 1000).toFixed(1)} s, one server ${(one / 1000).toFixed(1)} s`,
  }));
}

async function run(options: RunOptions): Promise<Run> {
  const { seconds, size, serverCount, switches, chunkFrames, isFirstAll = false } = options;
  await using directory = await makeDirectory();
  const path = join(directory.path, "film.mp4");
  const short = join(directory.path, "short.mp4");
  await makeFilm(short, { frameCount: ROUND_SECONDS * FPS, size, gop: FPS });
  await repeatFilm(path, short, seconds / ROUND_SECONDS);
  await using origin = await serveContent(await readFile(path));
  const servers = await Promise.all(
    Array.from({ length: serverCount }, () => startCpuServer({ switches })),
  );
  await using _servers = disposeAll(servers);
  const urls = servers.map(({ url }) => url);
  const env = { TMLSR_CHUNK_FRAMES: String(chunkFrames) };
  await using service = await startService({ dataDir: directory.path, servers: urls, env });
  await using rest = connectRest(service.url);
  await eventually(async () => (await rest.get("/monitor/stats")) !== undefined);
  const startedAtMs = performance.now();
  const { task_id } = await rest.post("/tasks", {
    url: origin.url,
    type: "video",
    workflow: WORKFLOW,
  });
  const limit = { limitMs: LIMIT_MS, intervalMs: 50 };
  await eventually(() => hasBegun(servers), limit);
  const firstMs = performance.now() - startedAtMs;
  let task = await rest.get(`/tasks/${task_id}`);
  const hasEnded = async (): Promise<boolean> => {
    task = await rest.get(`/tasks/${task_id}`);
    if (task.status === "failed") throw new Error(task.error);
    return task.status === "completed";
  };
  if (!isFirstAll) await eventually(hasEnded, limit);
  const wholeMs = performance.now() - startedAtMs;
  const joinMs = (task.stages[2]?.duration ?? Number.NaN) * 1000;
  return { firstMs, wholeMs, joinMs, peakMb: await peakMbOf(service) };
}

async function hasBegun(servers: readonly TestCpuServer[]): Promise<boolean> {
  const logs = await Promise.all(servers.map((server) => server.log().catch(() => [])));
  return logs.flat().some(({ event }) => event === "started");
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
