import { readFile } from "node:fs/promises";
import { createGrpcClients } from "../../src/client/client.js";
import { runTask } from "../../src/demo/run-task.js";
import { makeDirectory } from "./directory.js";
import type { Subject } from "./figure.js";
import { serveContent } from "./origin.js";
import { quantile } from "./quantile.js";
import { residentMb, startService } from "./service.js";

const RUN_COUNT = 3;
const LIMIT_MS = 120_000;

/** The sample picture on the built-in CPU server, as the demo runs it. */
export const sample: Subject = {
  name: "sample",
  async measure() {
    await using directory = await makeDirectory();
    await using origin = await serveContent(await readFile("docs/sample.png"));
    await using service = await startService({ dataDir: directory.path, servers: [] });
    const idleMb = await residentMb(service.pid);
    using grpc = createGrpcClients(service.url);
    const runsMs: number[] = [];
    for (let run = 0; run < RUN_COUNT; run += 1) {
      const startedAtMs = performance.now();
      const input = { url: origin.url, type: "image" } as const;
      await runTask(grpc, input, AbortSignal.timeout(LIMIT_MS), () => undefined);
      runsMs.push(performance.now() - startedAtMs);
    }
    const first = runsMs[0] ?? Number.NaN;
    const later = quantile(runsMs.slice(1), 0.5);
    const usedMb = await residentMb(service.pid);
    return [
      { what: "start to serving, standalone", value: service.startMs, unit: "ms" },
      { what: "submit to result of the sample, the first one", value: first / 1000, unit: "s" },
      { what: "submit to result of the sample, later ones", value: later / 1000, unit: "s" },
      { what: "resident memory after the start", value: idleMb, unit: "MB" },
      { what: `resident memory after ${RUN_COUNT} pictures`, value: usedMb, unit: "MB" },
    ];
  },
};
