import type { ServerResponse } from "node:http";
import { expect, test } from "vitest";
import { createLogger } from "../../src/lib/logger.js";
import { openEmbeddedStore } from "../../src/store/embedded/open-embedded-store.js";
import type { Fence } from "../../src/store/task-queue.js";
import type { TaskStore } from "../../src/store/task-store.js";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { startOrigin } from "../support/http-origin.js";
import { judgeRuns } from "../support/judge-runs.js";
import { aPicture } from "../support/pictures.js";
import { tempDir } from "../support/temp-dir.js";
import { startTestApp } from "../support/test-app.js";
import { withMethods } from "../support/with-methods.js";

const SWITCHES = { simulate: { steps: 20, stepMs: 50 } };
const FENCED = ["bindSlot", "recordDispatch", "updateStage", "recordInput", "settle"] as const;

test("a holder that does not know that its lease has run out submits nothing once another holds the task", async () => {
  const { runTwice } = await overtake(sleepwalking);
  expect(runTwice).toEqual([]);
});

test("control: without fencing the same holder is found to run the task a second time", async () => {
  const { taskId, runTwice } = await overtake((store) => unfenced(sleepwalking(store)));
  expect(runTwice).toEqual([taskId]);
});

/**
 * One app leases a task and hangs in its download; another takes it over when the lease has run out,
 * and while that one's prompt runs the first one's download ends.
 *
 * @param blind what the first app sees of the store.
 */
async function overtake(
  blind: (store: TaskStore) => TaskStore,
): Promise<{ readonly taskId: string; readonly runTwice: readonly string[] }> {
  const origin = await startHoldingOrigin();
  await using server = await startCpuServer({ switches: SWITCHES });
  await using other = await startCpuServer({ switches: SWITCHES });
  await using store = await openEmbeddedStore({
    ...{ directory: await tempDir(), logger: createLogger("silent") },
  });
  await using first = await open(blind(store), server.url, 2);
  const request = { type: "image", workflow: "cpu_image_2x", url: `${origin.url}/a.png` };
  const taskId = await first.submit(request);
  await eventually(() => origin.isHolding());
  await using second = await open(store, other.url, 600);
  const hasStarted = async () => (await other.log()).some(({ event }) => event === "started");
  await eventually(hasStarted);
  origin.release();
  await second.ended(taskId);
  // What the first one may have begun has ended as well.
  await first.app.closed(AbortSignal.abort());
  const logs = await Promise.all([server.log(), other.log()]);
  return { taskId, runTwice: judgeRuns(logs, [taskId]).runTwice };
}

async function open(store: TaskStore, serverUrl: string, leaseSeconds: number) {
  const env = { TMLSR_LEASE_SECONDS: String(leaseSeconds) };
  return await startTestApp({
    store: withMethods(store, { [Symbol.asyncDispose]: async () => undefined }),
    servers: [serverUrl],
    env,
  });
}

/** Its heartbeats renew nothing, and it believes that they do. It takes no task over, such as its own. */
function sleepwalking(store: TaskStore): TaskStore {
  return withMethods(store, {
    heartbeat: async () => ({ lost: [], canceled: [] }),
    leaseOrphan: async () => undefined,
  });
}

/** Writes as if the task were still its own, whoever holds it. */
function unfenced(store: TaskStore): TaskStore {
  const ofNow = async ({ taskId, epoch }: Fence): Promise<Fence> => ({
    taskId,
    epoch: (await store.get(taskId))?.epoch ?? epoch,
  });
  const methods = FENCED.map((name) => [
    name,
    async (fence: Fence, ...rest: unknown[]) =>
      await (store[name] as (...args: unknown[]) => unknown)(await ofNow(fence), ...rest),
  ]);
  return withMethods(store, Object.fromEntries(methods));
}

/** Holds the first answer back until it is released; the others are given at once. */
async function startHoldingOrigin() {
  const content = await aPicture();
  const answer = (response: ServerResponse): void => {
    response.writeHead(200, { "content-length": content.length });
    response.end(content);
  };
  let held: ServerResponse | undefined;
  const { url } = await startOrigin((_request, response) => {
    if (held === undefined) held = response;
    else answer(response);
  });
  return {
    url,
    isHolding: () => held !== undefined,
    release: () => held && answer(held),
  };
}
