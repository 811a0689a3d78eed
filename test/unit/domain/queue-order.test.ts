import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type BypassLimits,
  byTurn,
  type NextTask,
  nextTask,
  notePassed,
  type QueuedTask,
  restingTenants,
} from "../../../src/domain/queue-order.js";

interface TestTask extends QueuedTask {
  /** 0: its models are loaded. */
  readonly loadCost: number;
  /** @default true */
  readonly mayGo?: boolean;
}

const LIMITS: BypassLimits = { maxBypassCount: 2, maxBypassMs: 1_000 };

function aTask(taskId: string, over: Partial<TestTask> = {}): TestTask {
  return { taskId, priority: 1, dueAt: new Date(0), bypassCount: 0, loadCost: 1, ...over };
}

function next(tasks: readonly TestTask[], nowMs = 0): NextTask<TestTask> | undefined {
  return nextTask(tasks, {
    ...{ limits: LIMITS, nowMs },
    loadCost: ({ loadCost }) => loadCost,
    mayGo: ({ mayGo = true }) => mayGo,
  });
}

function passedTwice(task: TestTask): TestTask {
  const once = { ...task, ...notePassed(task, 0) };
  return { ...once, ...notePassed(once, 0) };
}

describe("nextTask()", () => {
  const first = aTask("a");
  const loaded = aTask("b", { loadCost: 0 });

  test.each<[name: string, tasks: readonly TestTask[], nextId: string | undefined]>([
    ["of none: none", [], undefined],
    ["the highest priority", [aTask("a", { priority: 0 }), aTask("b", { priority: 2 })], "b"],
    ["then the longest due", [aTask("a", { dueAt: new Date(2) }), aTask("b")], "b"],
    ["then the oldest", [aTask("b"), aTask("a")], "a"],
    ["what is loaded before what is older", [first, loaded], "b"],
    ["what costs less loading first", [aTask("a", { loadCost: 2 }), aTask("b")], "b"],
    ["of what costs the same the older", [aTask("b"), aTask("a"), aTask("c")], "a"],
    ["what is loaded not before a higher priority", [aTask("c", { priority: 2 }), loaded], "c"],
    ["what may go before what may not", [aTask("a", { mayGo: false }), aTask("b")], "b"],
    ["nobody while only the first may go and is none", [aTask("a", { mayGo: false })], undefined],
    [
      "nobody of a lower priority than what may not go",
      [aTask("a", { mayGo: false, priority: 2 }), aTask("b")],
      undefined,
    ],
    ["what was passed as often as allowed", [passedTwice(first), loaded], "a"],
    [
      "nobody before what may not go and not be passed",
      [passedTwice({ ...first, mayGo: false }), loaded],
      undefined,
    ],
  ])("takes %s", (_name, tasks, nextId) => {
    expect(next(tasks)?.task.taskId).toBe(nextId);
  });

  test("tells whom a task passes, and who goes only since it may not be passed any more", () => {
    expect(next([first, loaded])).toEqual({ task: loaded, passed: [first], isOverdue: false });
    const overdue = passedTwice(first);
    expect(next([overdue, loaded])).toEqual({ task: overdue, passed: [], isOverdue: true });
  });

  test("lets a task be passed for less than the limit since the first time", () => {
    const passed = { ...first, ...notePassed(first, 100) };
    expect(next([passed, loaded], 1_099)?.task).toBe(loaded);
    expect(next([passed, loaded], 1_100)?.task).toBe(passed);
  });

  test("lets nobody pass where a limit is 0", () => {
    for (const limits of [
      { maxBypassCount: 0, maxBypassMs: 1_000 },
      { maxBypassCount: 2, maxBypassMs: 0 },
    ]) {
      const sight = { limits, nowMs: 0, loadCost: (task: TestTask) => task.loadCost };
      expect(nextTask([first, loaded], sight)?.task).toBe(first);
    }
  });

  test("of any queue passes only what may be passed, and never a higher priority", () => {
    const anyTask = fc.record({
      taskId: fc.string({ minLength: 1 }),
      priority: fc.nat(2),
      dueAt: fc.nat(5).map((ms) => new Date(ms)),
      bypassCount: fc.nat(3),
      firstBypassedAtMs: fc.option(fc.nat(1_500), { nil: undefined }),
      loadCost: fc.nat(2),
      mayGo: fc.boolean(),
    });
    const queues = fc.uniqueArray(anyTask, { selector: ({ taskId }) => taskId });
    const holds = fc.property(queues, (tasks) => {
      const queue = tasks.toSorted(byTurn);
      const found = next(tasks, 1_500);
      if (found === undefined) {
        // Only the first keeps others back.
        expect(queue[0]?.mayGo ?? false).toBe(false);
        return;
      }
      const { task, passed, isOverdue } = found;
      const before = queue.slice(
        0,
        queue.findIndex(({ taskId }) => taskId === task.taskId),
      );
      expect(task.mayGo).toBe(true);
      expect(passed).toEqual(before);
      for (const { priority, bypassCount, firstBypassedAtMs = 1_500 } of passed) {
        expect(priority).toBe(task.priority);
        expect(bypassCount).toBeLessThan(LIMITS.maxBypassCount);
        expect(1_500 - firstBypassedAtMs).toBeLessThan(LIMITS.maxBypassMs);
      }
      const peers = queue.filter((peer) => peer.priority === task.priority && peer.mayGo);
      const least = Math.min(...peers.map(({ loadCost }) => loadCost));
      if (!isOverdue) expect(task.loadCost).toBe(least);
    });
    fc.assert(holds);
  });
});

describe("notePassed()", () => {
  test("counts, and keeps the first time", () => {
    const once = notePassed(aTask("a"), 5);
    expect(once).toEqual({ bypassCount: 1, firstBypassedAtMs: 5 });
    expect(notePassed(once, 9)).toEqual({ bypassCount: 2, firstBypassedAtMs: 5 });
  });
});

test("restingTenants(): those with as many running tasks as they may, or more", () => {
  const running = new Map(Object.entries({ a: 2, b: 1, c: 9, d: 9 }));
  const maxRunning = new Map(Object.entries({ a: 2, b: 2, c: 2, e: 2 }));
  expect([...restingTenants(running, maxRunning)]).toEqual(["a", "c"]);
});
