import { startCpuServer } from "../support/cpu-server.js";
import { openBenchApp } from "./app.js";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { connectRest } from "./rest-client.js";
import { completed, submit } from "./tasks.js";

const WORKFLOWS = ["cpu_image_2x", "cpu_image_4x"] as const;
const TASK_COUNT = 40;
const SWITCHES = { simulate: { steps: 10, stepMs: 45 }, modelLoadMs: 200 };
const LIMIT_MS = 120_000;
/** The same order each time. */
const SHUFFLE_SEED = 20_240_229;

/** How often models are loaded when two workflows mix; first come, first served loads 12 and 23 times. */
export const modelLoads: Subject = {
  name: "model-loads",
  async measure() {
    const alternating = Array.from({ length: TASK_COUNT }, (_, index) => index % 2);
    return [
      await loads("alternating", alternating, 3),
      await loads("shuffled", shuffled(alternating), 4),
    ];
  },
};

async function loads(name: string, order: readonly number[], atMost: number): Promise<Figure> {
  await using first = await startCpuServer({ switches: SWITCHES });
  await using second = await startCpuServer({ switches: SWITCHES });
  const servers = [first, second];
  await using directory = await makeDirectory();
  await using origin = await serveContent(await smallPicture());
  const urls = servers.map(({ url }) => url);
  await using app = await openBenchApp({ dataDir: directory.path, servers: urls });
  await using rest = connectRest(app.url);
  for (const index of order) await submit(rest, origin.url, WORKFLOWS[index] ?? WORKFLOWS[0]);
  await completed(rest, order.length, LIMIT_MS);
  const logs = await Promise.all(servers.map((server) => server.log()));
  const counts = logs.map((log) => log.at(-1)?.modelLoads ?? 0);
  const what = `model loads, 2 workflows ${name}, 2 servers, ${order.length} tasks`;
  const value = counts.reduce((sum, count) => sum + count, 0);
  return { what, value, unit: "", goal: { atMost }, note: `${counts.join(" and ")}` };
}

/** Fisher and Yates, with a small generator of its own (mulberry32). */
function shuffled<T>(values: readonly T[]): readonly T[] {
  const result = [...values];
  let state = SHUFFLE_SEED;
  const random = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  for (let index = result.length - 1; index > 0; index -= 1) {
    const other = Math.floor(random() * (index + 1));
    [result[index], result[other]] = [result[other] as T, result[index] as T];
  }
  return result;
}
