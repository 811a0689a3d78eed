import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { quantile } from "./quantile.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { seedStore } from "./seed-store.js";
import { type BenchService, cpuMs, startService } from "./service.js";

const ROUNDS = 11;
const CALLS = 2_000;
const CLIENTS = 8;
const STORED_COUNT = 2_000;
const GOAL = { atMost: 1.1 };
const KEYS = { TMLSR_AUTH: "keys", TMLSR_REQUESTS_PER_MINUTE: "100000000" };
const CREATE = { url: "https://example.com/image.jpg", type: "image", workflow: "cpu_image_2x" };

/** A service with its own data, and how it is called. */
interface Side extends AsyncDisposable {
  readonly service: BenchService;
  readonly rest: RestClient;
  readonly ids: readonly string[];
}

interface Spent {
  readonly cpuMs: number;
  readonly wallMs: number;
}

/**
 * What keys cost: create and get with keys, the audit and a limit, against the same without, by turns. The
 * service's CPU time says it where others use the machine meanwhile.
 */
export const keys: Subject = {
  name: "keys",
  async measure({ say }) {
    await using off = await openSide({});
    await using on = await openSide(KEYS);
    const figures: Figure[] = [];
    for (const what of ["get", "create"] as const) {
      await Promise.all([spend(what, off), spend(what, on)]);
      const rounds: { readonly on: Spent; readonly off: Spent }[] = [];
      for (let round = 1; round <= ROUNDS; round += 1) {
        say(`${what}, round ${round} of ${ROUNDS}`);
        rounds.push(await oneRound(what, on, off, round));
      }
      figures.push(...toFigures(what, rounds));
    }
    return figures;
  },
};

async function openSide(env: Readonly<Record<string, string>>): Promise<Side> {
  const directory = await makeDirectory();
  const ids = await seedStore(directory.path, { count: STORED_COUNT, status: "completed" });
  const service = await startService({ dataDir: directory.path, env });
  const isByKeys = env["TMLSR_AUTH"] === "keys";
  const key = isByKeys ? await readFile(join(directory.path, "first-admin-key"), "utf8") : "";
  const headers = isByKeys ? { authorization: `Bearer ${key.trim()}` } : {};
  const rest = connectRest(service.url, CLIENTS, headers);
  return {
    ...{ service, rest, ids },
    async [Symbol.asyncDispose]() {
      await rest[Symbol.asyncDispose]();
      await service[Symbol.asyncDispose]();
      await directory[Symbol.asyncDispose]();
    },
  };
}

/** Both, in another order each time. */
async function oneRound(what: "get" | "create", on: Side, off: Side, round: number) {
  if (round % 2 === 0) return { on: await spend(what, on), off: await spend(what, off) };
  const spentOff = await spend(what, off);
  return { on: await spend(what, on), off: spentOff };
}

/** What the same number of calls takes. */
async function spend(what: "get" | "create", { service, rest, ids }: Side): Promise<Spent> {
  const [beforeCpuMs, beforeMs] = [await cpuMs(service.pid), performance.now()];
  let leftCount = CALLS;
  const client = async (): Promise<void> => {
    for (; leftCount > 0; ) {
      leftCount -= 1;
      if (what === "create") await rest.post("/tasks", CREATE);
      else await rest.get(`/tasks/${ids[leftCount % ids.length]}`);
    }
  };
  await Promise.all(Array.from({ length: CLIENTS }, client));
  const wallMs = performance.now() - beforeMs;
  return { cpuMs: (await cpuMs(service.pid)) - beforeCpuMs, wallMs };
}

function toFigures(
  what: string,
  rounds: readonly { readonly on: Spent; readonly off: Spent }[],
): Figure[] {
  const ratio = (unit: keyof Spent): readonly number[] =>
    rounds.map(({ on, off }) => on[unit] / off[unit]);
  const perCall = (side: "on" | "off"): number =>
    quantile(
      rounds.map((round) => (round[side].cpuMs * 1000) / CALLS),
      0.5,
    );
  const [cpu, wall] = [ratio("cpuMs"), ratio("wallMs")];
  return [
    { what: `${what}: CPU time with keys to without`, ...medianOf(cpu), goal: GOAL },
    { what: `${what}: time with keys to without`, ...medianOf(wall), goal: GOAL },
    { what: `${what}: CPU time of a call without keys`, value: perCall("off"), unit: "us" },
    { what: `${what}: CPU time of a call with keys`, value: perCall("on"), unit: "us" },
  ];
}

function medianOf(ratios: readonly number[]): Pick<Figure, "value" | "unit" | "note"> {
  const [low, high] = [quantile(ratios, 0.25), quantile(ratios, 0.75)];
  const note = `median of ${ratios.length} pairs, half of them ${low.toFixed(2)} to ${high.toFixed(2)}`;
  return { value: quantile(ratios, 0.5), unit: "", note };
}
