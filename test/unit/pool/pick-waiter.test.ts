import { expect, test } from "vitest";
import {
  type BypassLimits,
  markPassed,
  pickWaiter,
  type Waiter,
} from "../../../src/pool/pick-waiter.js";

const LIMITS: BypassLimits = { maxBypassCount: 2, maxBypassMs: 1_000 };
const NONE: ReadonlySet<string> = new Set();

function waiter(taskId: string, workflow: string, over: Partial<Waiter> = {}): Waiter {
  const dueAt = new Date(0);
  return {
    taskId,
    workflow,
    priority: 1,
    dueAt,
    bypassCount: 0,
    firstBypassedAtMs: undefined,
    ...over,
  };
}

test("pickWaiter() takes the first by priority, then due time, then age", () => {
  const low = waiter("a", "w", { priority: 0 });
  const late = waiter("b", "w", { dueAt: new Date(2) });
  const young = waiter("d", "w", { dueAt: new Date(1) });
  const old = waiter("c", "w", { dueAt: new Date(1) });
  expect(pickWaiter([low, late, young, old], undefined, NONE, LIMITS, 0)?.waiter).toBe(old);
});

test("pickWaiter() prefers a task whose models the server has loaded, and tells whom it passes", () => {
  const first = waiter("a", "other");
  const second = waiter("b", "loaded");
  const pick = pickWaiter([first, second], "loaded", NONE, LIMITS, 0);
  expect(pick).toEqual({ waiter: second, rank: 0, passed: [first], isOverdue: false });
});

test("pickWaiter() rather loads what no server has than what another one has", () => {
  const elsewhere = waiter("a", "x");
  const nowhere = waiter("b", "y");
  expect(pickWaiter([elsewhere, nowhere], undefined, new Set(["x"]), LIMITS, 0)?.waiter).toBe(
    nowhere,
  );
});

test("pickWaiter() lets nobody pass a task of a higher priority", () => {
  const urgent = waiter("b", "other", { priority: 2 });
  const loaded = waiter("a", "loaded");
  expect(pickWaiter([loaded, urgent], "loaded", NONE, LIMITS, 0)?.waiter).toBe(urgent);
});

test("pickWaiter() passes over a task only so often", () => {
  const first = waiter("a", "other");
  const second = waiter("b", "loaded");
  for (let passes = 0; passes < LIMITS.maxBypassCount; passes += 1) {
    expect(pickWaiter([first, second], "loaded", NONE, LIMITS, 0)?.waiter).toBe(second);
    markPassed(first, 0);
  }
  expect(pickWaiter([first, second], "loaded", NONE, LIMITS, 0)?.waiter).toBe(first);
});

test("pickWaiter() passes over a task only for so long since it was first passed", () => {
  const first = waiter("a", "other");
  const second = waiter("b", "loaded");
  markPassed(first, 100);
  expect(pickWaiter([first, second], "loaded", NONE, LIMITS, 1_099)?.waiter).toBe(second);
  expect(pickWaiter([first, second], "loaded", NONE, LIMITS, 1_100)?.waiter).toBe(first);
});

test("pickWaiter() takes what may be given now before what may not, but only so often", () => {
  const slow = waiter("a", "slow");
  const short = waiter("b", "short");
  const pick = () =>
    pickWaiter([slow, short], "short", NONE, LIMITS, 0, (one) => one !== slow)?.waiter;
  expect(pick()).toBe(short);
  for (let passes = 0; passes < LIMITS.maxBypassCount; passes += 1) markPassed(slow, 0);
  expect(pick()).toBeUndefined();
});

test("pickWaiter() gives nothing of a lower priority while what is first may not be given", () => {
  const urgent = waiter("a", "slow", { priority: 2 });
  const other = waiter("b", "short");
  const pick = pickWaiter([urgent, other], "short", NONE, LIMITS, 0, (one) => one !== urgent);
  expect(pick).toBeUndefined();
});
