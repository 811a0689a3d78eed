import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Task } from "../../../../src/domain/task.js";
import { nextLease, passOver } from "../../../../src/store/core/lease-order.js";
import { createTask } from "../../../../src/store/core/task-changes.js";
import { aTask } from "../../../support/task-store-builders.js";

const NOW = new Date(1_000_000);

function aHead(workflow: string, dueMs: number, bypassCount = 0): Task {
  const task = createTask(aTask({ workflow }), workflow.padEnd(32, "0"), new Date(dueMs));
  return { ...task, bypassCount };
}

describe("nextLease()", () => {
  test("takes the oldest, by id where the times are the same", () => {
    const heads = [aHead("c", 5), aHead("b", 3), aHead("a", 3)];
    const request = { prefer: [], maxBypassCount: 8, maxBypassMs: 1_000 };
    expect(nextLease(heads, request, NOW)).toEqual({ task: heads[2], passed: [] });
    expect(nextLease([], request, NOW)).toBeUndefined();
  });

  test("takes the oldest of a preferred workflow if every older head may be passed once more", () => {
    const head = fc.record({
      workflow: fc.constantFrom(..."abcdef"),
      dueMs: fc.nat(5),
      bypassCount: fc.nat(3),
      sinceMs: fc.option(fc.nat(20), { nil: undefined }),
    });
    const heads = fc.uniqueArray(head, { selector: ({ workflow }) => workflow });
    const bounds = { maxBypassCount: fc.nat(3), maxBypassMs: fc.nat(20) };
    const requests = fc.record({ prefer: fc.subarray([..."abcdef"]), ...bounds });
    const holds = fc.property(heads, requests, (descriptions, request) => {
      const tasks = descriptions.map(({ workflow, dueMs, bypassCount, sinceMs }) => ({
        ...aHead(workflow, dueMs, bypassCount),
        ...(sinceMs !== undefined && { firstBypassedAt: new Date(NOW.getTime() - sinceMs) }),
      }));
      const queue = tasks.toSorted((a, b) => (sortKey(a) < sortKey(b) ? -1 : 1));
      const favorite = queue.find(({ workflow }) => request.prefer.includes(workflow));
      const older = favorite ? queue.slice(0, queue.indexOf(favorite)) : [];
      const mayPass = older.every((head) => {
        const { bypassCount, firstBypassedAt = NOW } = passOver(head, NOW);
        const sinceMs = NOW.getTime() - firstBypassedAt.getTime();
        return bypassCount <= request.maxBypassCount && sinceMs < request.maxBypassMs;
      });
      const expected =
        favorite && mayPass ? { task: favorite, passed: older } : { task: queue[0], passed: [] };
      expect(nextLease(tasks, request, NOW)).toEqual(queue.length > 0 ? expected : undefined);
    });
    fc.assert(holds);
  });
});

describe("passOver()", () => {
  test("counts, and keeps the first time", () => {
    const once = passOver(aHead("a", 1), NOW);
    const twice = passOver(once, new Date(2_000_000));
    expect(twice).toMatchObject({ bypassCount: 2, firstBypassedAt: NOW });
  });
});

function sortKey({ dueAt, taskId }: Task): string {
  return `${dueAt.getTime().toString().padStart(9, "0")} ${taskId}`;
}
