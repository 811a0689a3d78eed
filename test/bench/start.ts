import { readFile } from "node:fs/promises";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { quantile } from "./quantile.js";
import { type BenchServiceOptions, startService } from "./service.js";

const START_COUNT = 9;
const GOAL_MS = 1_000;
/** Of `/proc`: a hundredth of a second. */
const TICK_MS = 10;

/** From the start of the process to its first answer, each time with an empty embedded store. */
export const start: Subject = {
  name: "start",
  async measure() {
    return [
      ...(await starts("for ComfyUI servers", {})),
      ...(await starts("standalone", { servers: [] })),
    ];
  },
};

async function starts(
  what: string,
  options: Omit<BenchServiceOptions, "dataDir">,
): Promise<Figure[]> {
  const waitsMs: number[] = [];
  const cpusMs: number[] = [];
  for (let count = 0; count < START_COUNT; count += 1) {
    await using directory = await makeDirectory();
    const startedAtMs = performance.now();
    await using service = await startService({ dataDir: directory.path, ...options });
    const answer = await fetch(`${service.url}/health`);
    waitsMs.push(performance.now() - startedAtMs);
    cpusMs.push(await cpuMs(service.pid));
    if (!answer.ok) throw new Error(`GET /health answers ${answer.status}`);
    await answer.arrayBuffer();
  }
  const note = `CPU time of the service ${quantile(cpusMs, 0.5).toFixed(0)} ms`;
  const p50 = quantile(waitsMs, 0.5);
  return [
    {
      what: `start to first answer, ${what}: p50`,
      value: p50,
      unit: "ms",
      goal: { atMost: GOAL_MS },
      note,
    },
    { what: `start to first answer, ${what}: slowest`, value: Math.max(...waitsMs), unit: "ms" },
  ];
}

/** What a process has used of the processors so far. */
async function cpuMs(pid: number): Promise<number> {
  const text = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}
