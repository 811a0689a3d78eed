import { pino } from "pino";
import { expect, test, vi } from "vitest";
import { openMongoStore } from "../../../src/store/mongo/open-mongo-store.js";
import type { TaskChange } from "../../../src/store/task-reading.js";
import { watchTask } from "../../../src/store/watch/watch-task.js";
import { eventually } from "../../support/eventually.js";
import { describeWithMongod } from "../../support/mongo.js";
import { type Member, TestMongod } from "../../support/mongod-process.js";
import { COMPLETED, createOne, leaseOne, readTask } from "../../support/task-store-builders.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });
const SLOW = { limitMs: 150_000, intervalMs: 50 };
const LATE = { blockConnection: true, blockTimeMS: 3_000 };

await describeWithMongod("changes of a MongoDB store", (binary) => {
  test("a watcher on one process sees what another does, in order, to the end", async () => {
    await using mongod = await TestMongod.start(binary);
    await using watching = await openMongoStore({ uri: mongod.uri });
    await using working = await openMongoStore({ uri: mongod.uri });
    const { fence } = await leaseOne(working);
    const seen: number[] = [];
    const watch = (async () => {
      const { signal } = new AbortController();
      for await (const task of watchTask(watching, fence.taskId, 0, signal)) seen.push(task.rev);
    })();
    await eventually(() => seen.length > 0, SLOW);
    for (const progress of [10, 20, 30]) await working.updateStage(fence, "process", { progress });
    await working.settle(fence, COMPLETED);
    await watch;
    expect(seen).toEqual(seen.toSorted((a, b) => a - b));
    expect(seen.at(-1)).toBe((await readTask(working, fence.taskId)).rev);
  });

  test.each([
    ["its connection is cut", ["getMore"], 2, { closeConnection: true }, undefined],
    ["it is refused anew too", ["getMore"], 3, { errorCode: 8 }, "watching for changes was cut"],
    ["the server's history is lost", ["getMore"], 1, { errorCode: 286 }, "changes were missed"],
  ] as const)("are all told when %s", async (_case, commands, times, how, said) => {
    await using mongod = await TestMongod.start(binary);
    const [member] = mongod.members as [Member];
    const lines: string[] = [];
    const logger = pino({}, { write: (line: string) => lines.push(line) });
    // One store alone, so that it is its stream that fails: its own changes come by it too.
    await using store = await openMongoStore({ uri: mongod.uri, logger });
    const told: TaskChange[] = [];
    const unsubscribe = store.subscribe((change) => told.push(change));
    const before = await createOne(store);
    await eventually(() => told.some(({ taskId }) => taskId === before.taskId), SLOW);
    // Late enough that there is something to miss.
    await member.failCommands(commands, times, { ...how, ...LATE });
    const ids: string[] = [];
    for (let i = 0; i < 20; i++) ids.push((await createOne(store)).taskId);
    if (said !== undefined) await eventually(() => lines.some((line) => line.includes(said)), SLOW);
    for (let i = 0; i < 5; i++) ids.push((await createOne(store)).taskId);
    await eventually(() => ids.every((id) => told.some(({ taskId }) => taskId === id)), SLOW);
    const keys = told.map(({ taskId, rev }) => `${taskId} ${rev}`);
    expect(keys).toHaveLength(new Set(keys).size);
    unsubscribe();
  });
});
