import { setTimeout as sleep } from "node:timers/promises";
import { startCpuServer, type TestCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { makeDirectory } from "./directory.js";
import type { Subject } from "./figure.js";
import { serveContent, smallPicture } from "./origin.js";
import { quantile } from "./quantile.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { startService } from "./service.js";
import { submit } from "./tasks.js";

const CANCEL_COUNT = 60;
/** A server that looks for an interrupt every 50 ms, in a run that would last for ever. */
const SWITCHES = { simulate: { steps: 10_000, stepMs: 50 } };

/** How long a GPU still works on a task that was canceled. */
export const cancel: Subject = {
  name: "cancel",
  async measure() {
    await using server = await startCpuServer({ switches: SWITCHES });
    await using directory = await makeDirectory();
    await using origin = await serveContent(await smallPicture());
    await using service = await startService({ dataDir: directory.path, servers: [server.url] });
    await using rest = connectRest(service.url);
    const spansMs: number[] = [];
    const answersMs: number[] = [];
    for (let count = 0; count < CANCEL_COUNT; count += 1) {
      const { answerMs, spanMs } = await cancelOne(rest, server, origin.url);
      answersMs.push(answerMs);
      spansMs.push(spanMs);
    }
    const p99 = quantile(spansMs, 0.99);
    const note = `${CANCEL_COUNT} tasks, a server that stops between steps of 50 ms`;
    return [
      { what: "DELETE to the end of the GPU run: p50", value: quantile(spansMs, 0.5), unit: "ms" },
      {
        what: "DELETE to the end of the GPU run: p99",
        value: p99,
        unit: "ms",
        goal: { atMost: 250 },
        note,
      },
      { what: "DELETE to its answer: p50", value: quantile(answersMs, 0.5), unit: "ms" },
    ];
  },
};

async function cancelOne(
  rest: RestClient,
  server: TestCpuServer,
  url: string,
): Promise<{ answerMs: number; spanMs: number }> {
  const taskId = await submit(rest, url, "cpu_image_2x");
  await logged(server, taskId, "started");
  // At any moment within a step.
  await sleep(100 + Math.random() * 50);
  const sentAt = Date.now();
  await rest.delete(`/tasks/${taskId}`);
  const answerMs = Date.now() - sentAt;
  return { answerMs, spanMs: (await logged(server, taskId, "ended")) - sentAt };
}

/** Waits for a line of a server's log. @returns its Unix time in milliseconds. */
async function logged(server: TestCpuServer, taskId: string, event: string): Promise<number> {
  const entry = await eventually(
    async () =>
      (await server.log()).find((line) => line.taskId === taskId && line.event === event) ?? false,
    { limitMs: 30_000, intervalMs: 10 },
  );
  return entry.at;
}
