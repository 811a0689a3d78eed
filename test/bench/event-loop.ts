import { monitorEventLoopDelay } from "node:perf_hooks";
import { createGrpcClients, TaskType } from "../../src/client/client.js";
import { openBenchApp } from "./app.js";
import { makeDirectory } from "./directory.js";
import type { Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { connectRest } from "./rest-client.js";
import { residentMb } from "./service.js";
import { completed, submit } from "./tasks.js";

const PICTURE_COUNT = 24;
const RESOLUTION_MS = 5;
const NANO = 1e6;
const LIMIT_MS = 300_000;

/** Whether the service stays awake while the built-in server computes on all cores. */
export const eventLoop: Subject = {
  name: "event-loop",
  async measure() {
    await using directory = await makeDirectory();
    await using origin = await serveContent(await smallPicture(160, 120));
    await using app = await openBenchApp({ dataDir: directory.path, servers: [] });
    await using rest = connectRest(app.url);
    using grpc = createGrpcClients(app.url);
    const request = { url: origin.url, type: TaskType.IMAGE, workflow: "cpu_image_2x" };
    const beforeMb = await residentMb(process.pid);
    const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
    delay.enable();
    const startedAtMs = performance.now();
    const submitted = Array.from({ length: PICTURE_COUNT }, (_, index) =>
      index % 2 === 0 ? submit(rest, origin.url, "cpu_image_2x") : grpc.tasks.createTask(request),
    );
    await Promise.all(submitted);
    await completed(rest, PICTURE_COUNT, LIMIT_MS);
    const tookMs = performance.now() - startedAtMs;
    delay.disable();
    const afterMb = await residentMb(process.pid);
    const note = `the clients are in the same process; sampled every ${RESOLUTION_MS} ms`;
    return [
      { what: `${PICTURE_COUNT} pictures at once, standalone`, value: tookMs / 1000, unit: "s" },
      {
        what: "event-loop delay: longest",
        value: delay.max / NANO,
        unit: "ms",
        goal: { atMost: 200 },
        note,
      },
      { what: "event-loop delay: p99", value: delay.percentile(99) / NANO, unit: "ms" },
      { what: "growth of resident memory meanwhile", value: afterMb - beforeMb, unit: "MB" },
    ];
  },
};
