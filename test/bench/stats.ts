import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { type LoadResult, runLoad } from "./load.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { seedStore } from "./seed-store.js";
import { startService } from "./service.js";

const SMALL_COUNT = 10_000;
const LARGE_COUNT = 1_000_000;
/** What filling the large store may take. */
const SEED_LIMIT_MS = 75_000;
const DURATION_MS = 3_000;
const POLLER_COUNT = 10;
const POLL_MS = 1_000;
/** As good as unmoved, as far as a machine that does other things too can tell. */
const UNMOVED_RATIO = 0.9;

/** The stats with few and with very many tasks stored, and what asking for them costs others. */
export const stats: Subject = {
  name: "stats",
  async measure({ say }) {
    return [...(await withFewTasks()), ...(await withManyTasks(say))];
  },
};

async function withFewTasks(): Promise<Figure[]> {
  await using directory = await makeDirectory();
  const ids = await seedStore(directory.path, { count: SMALL_COUNT, status: "completed" });
  await using service = await startService({ dataDir: directory.path });
  await using rest = connectRest(service.url);
  const { p50Ms } = await runLoad(1, DURATION_MS, () => rest.get("/monitor/stats"));
  const get = () => rest.get(`/tasks/${ids[Math.floor(Math.random() * ids.length)]}`);
  const load = () => runLoad(8, DURATION_MS, get);
  const without = await load();
  const withPollers = await polled(rest, load);
  const after = await load();
  const unpolled = (without.perSecond + after.perSecond) / 2;
  return [
    { what: `stats, ${SMALL_COUNT} stored: p50`, value: p50Ms, unit: "ms", goal: { atMost: 2 } },
    { what: "get over REST, 8 clients, nobody asks for stats", value: unpolled, unit: "/s" },
    {
      what: `the same while ${POLLER_COUNT} clients ask for stats every second`,
      value: withPollers.perSecond,
      unit: "/s",
    },
    {
      what: "share of the gets per second that is left",
      value: withPollers.perSecond / unpolled,
      unit: "",
      goal: { atLeast: UNMOVED_RATIO },
    },
  ];
}

async function withManyTasks(say: (text: string) => void): Promise<Figure[]> {
  await using directory = await makeDirectory();
  say(`storing up to ${LARGE_COUNT} tasks`);
  const startedAtMs = performance.now();
  const limits = { count: LARGE_COUNT, limitMs: SEED_LIMIT_MS } as const;
  await seedStore(directory.path, { ...limits, status: "completed" });
  const seedMs = performance.now() - startedAtMs;
  await using service = await startService({ dataDir: directory.path });
  await using rest = connectRest(service.url);
  const { stats: counts } = await rest.get("/monitor/stats");
  const { p50Ms, p99Ms } = await runLoad(1, DURATION_MS, () => rest.get("/monitor/stats"));
  const stored: number = counts.completed;
  const what = `stats, ${stored} stored`;
  const isLess = stored < LARGE_COUNT;
  const note = `${isLess ? "fewer than wanted, " : ""}stored in ${(seedMs / 1000).toFixed(0)} s`;
  return [
    { what: `${what}: p50`, value: p50Ms, unit: "ms" },
    { what: `${what}: p99`, value: p99Ms, unit: "ms", note },
    { what: `start to serving, ${stored} stored`, value: service.startMs, unit: "ms" },
  ];
}

/** Runs a load while some clients ask for the stats again and again. */
async function polled(rest: RestClient, load: () => Promise<LoadResult>): Promise<LoadResult> {
  const stop = new AbortController();
  const poll = async (_: unknown, index: number): Promise<void> => {
    await sleep((POLL_MS * index) / POLLER_COUNT);
    while (!stop.signal.aborted) {
      await rest.get("/monitor/stats");
      await sleep(POLL_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const pollers = Array.from({ length: POLLER_COUNT }, poll);
  try {
    return await load();
  } finally {
    stop.abort();
    await Promise.all(pollers);
  }
}
