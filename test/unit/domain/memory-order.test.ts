import { expect, test } from "vitest";
import {
  describeTried,
  hasMoreMemory,
  memoryProfile,
  needsMoreMemory,
} from "../../../src/domain/memory-order.js";
import type { MemoryFailure } from "../../../src/domain/task.js";

const GIB = 2 ** 30;
const memory = (device: number, machine?: number) => ({
  deviceBytes: device * GIB,
  ...(machine !== undefined && { machineBytes: machine * GIB }),
});

function failure(over: Partial<MemoryFailure> = {}): MemoryFailure {
  return { promptId: "p", server: "small", memory: memory(24, 64), ...over };
}

/** How a task is run, again and again, on servers that all have too little. */
function order(hasLowMemory: boolean): string[] {
  const failures: MemoryFailure[] = [];
  const steps: string[] = [];
  while (!needsMoreMemory(failures, hasLowMemory)) {
    const { isFreed, lowMemory } = memoryProfile(failures, hasLowMemory);
    steps.push([isFreed && "freed", lowMemory && "low"].filter(Boolean).join(" ") || "as it is");
    failures.push(failure(lowMemory ? { lowMemory } : {}));
  }
  return steps;
}

test("memoryProfile() frees the server, then takes the low-memory profile where there is one", () => {
  expect(order(false)).toEqual(["as it is", "freed"]);
  expect(order(true)).toEqual(["as it is", "freed", "freed low"]);
});

test("memoryProfile() keeps the low-memory profile on servers with more memory", () => {
  const failures = [failure(), failure(), failure({ lowMemory: true })];
  expect(memoryProfile(failures, true)).toEqual({ isFreed: true, lowMemory: true });
});

test("a task of an older version that ran with the low-memory profile first is freed once more", () => {
  const failures = [failure({ lowMemory: true })];
  expect(memoryProfile(failures, true)).toEqual({ isFreed: true, lowMemory: false });
  expect(needsMoreMemory([...failures, failure()], true)).toBe(true);
});

test.each([
  ["a larger card", memory(80, 32), true],
  ["the same card", memory(24, 64), false],
  ["the same card with other firmware", memory(24.2, 64), false],
  ["the same card in a larger machine", memory(24, 128), true],
  ["a smaller card in a larger machine", memory(16, 512), false],
  ["the same card in a machine that does not say", memory(24), false],
  ["a server that does not say", undefined, false],
])("hasMoreMemory() of %s", (_, candidate, expected) => {
  expect(hasMoreMemory(candidate, [failure()])).toBe(expected);
});

test("hasMoreMemory() compares with every server that failed, and with none that does not say", () => {
  const failures = [failure(), failure({ memory: memory(80, 64) })];
  expect(hasMoreMemory(memory(48, 64), failures)).toBe(false);
  const { memory: _, ...silent } = failure();
  expect(hasMoreMemory(memory(80), [silent])).toBe(false);
});

test("describeTried() names what was tried after the first failure", () => {
  const failures = [
    failure(),
    failure(),
    failure({ lowMemory: true }),
    failure({ server: "large", lowMemory: true }),
  ];
  expect([2, 3, 4].map((count) => describeTried(failures.slice(0, count)))).toEqual([
    "after the server was freed",
    "after the server was freed and with the workflow's low-memory profile",
    `after the server was freed, with the workflow's low-memory profile, and on server "large", which has more memory`,
  ]);
});
