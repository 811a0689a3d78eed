import { expect, test, vi } from "vitest";
import { startCpuServer } from "../support/cpu-server.js";
import { eventually } from "../support/eventually.js";
import { HOOK_SECRET, type HookReceiver, startHookReceiver } from "../support/hook-receiver.js";
import { describeWithMongo, uriOf } from "../support/mongo.js";
import { aPicture, serve } from "../support/pictures.js";
import { startReplicas } from "../support/replicas.js";
import { startService } from "../support/service-process.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const FAST = { simulate: { steps: 2, stepMs: 5 } };
const EVENTS = ["task.processing", "task.completed"];

const hooks = ({ url }: HookReceiver) => ({
  TMLSR_WEBHOOK_SECRETS: HOOK_SECRET,
  TMLSR_WEBHOOK_ALLOW_PRIVATE: "127.0.0.1",
  TMLSR_WEBHOOK_URL: url,
  TMLSR_WEBHOOK_EVENTS: EVENTS.join(","),
});

/** The events of each task in the order in which they came first. */
function firstTold({ events }: HookReceiver): ReadonlyMap<string, readonly string[]> {
  const seen = new Set<string>();
  const told = new Map<string, readonly string[]>();
  for (const { id, type, data } of events)
    if (!seen.has(id)) {
      seen.add(id);
      told.set(data.task_id, [...(told.get(data.task_id) ?? []), type]);
    }
  return told;
}

/** Waits until all events of these tasks came, each once but for tries, in order. */
async function allTold(receiver: HookReceiver, taskIds: readonly string[]): Promise<void> {
  const expected = new Map(taskIds.toSorted().map((taskId) => [taskId, EVENTS]));
  await eventually(() => expect(new Map([...firstTold(receiver)].sort())).toEqual(expected), {
    limitMs: 200_000,
    intervalMs: 100,
  });
  expect(receiver.forgedCount).toBe(0);
}

for (const event of EVENTS)
  for (const step of ["while the receiver is called", "right after its answer"])
    test(`kill -9 at ${event} ${step}: every event is told, in order`, async () => {
      const receiver = await startHookReceiver();
      await using server = await startCpuServer({ switches: FAST });
      await using service = await startService([server.url], hooks(receiver));
      const { answer } = receiver;
      const killed = new Promise<void>((resolve) => {
        receiver.answer = (response, told) => {
          if (told.type !== event) return answer(response, told);
          receiver.answer = answer;
          if (step === "right after its answer") answer(response, told);
          void service.kill().then(() => resolve());
        };
      });
      const url = await serve(await aPicture());
      const taskId = await service.submit({ type: "image", workflow: "cpu_image_2x", url });
      await killed;
      await service.start();
      await allTold(receiver, [taskId]);
    });

for (const status of ["pending", "completed"])
  test(`kill -9 while nothing was told of a task that is ${status}: every event is told, in order`, async () => {
    const receiver = await startHookReceiver();
    const { answer } = receiver;
    receiver.answer = (response) => response.writeHead(503).end();
    await using server = await startCpuServer({ switches: FAST });
    await using service = await startService([server.url], hooks(receiver));
    const url = await serve(await aPicture());
    const taskId = await service.submit({ type: "image", workflow: "cpu_image_2x", url });
    if (status === "completed") await service.ended(taskId, 60_000);
    await service.kill();
    receiver.answer = answer;
    await service.start();
    await allTold(receiver, [taskId]);
  });

await describeWithMongo("replicas that share a database", (take) => {
  test("with kill -9 of each, and a receiver that is down for a while, every event is told, in order", async () => {
    await using database = await take();
    const receiver = await startHookReceiver();
    await using replicas = await startReplicas({
      ...{ mongodbUri: uriOf(database), replicaCount: 2, serverCount: 1, switches: FAST },
      env: hooks(receiver),
    });
    const { answer } = receiver;
    receiver.answer = (response) => response.writeHead(503).end();
    for (let i = 0; i < 4; i++) await replicas.submit();
    await eventually(() => receiver.events.length > 0);
    for (const replica of replicas.all) {
      await replica.kill();
      await replica.start();
      await replicas.submit();
      receiver.answer = answer;
    }
    await replicas.completed(200_000);
    await allTold(receiver, replicas.submitted);
  });
});
