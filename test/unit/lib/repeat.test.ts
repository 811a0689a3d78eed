import { once } from "node:events";
import { setImmediate } from "node:timers/promises";
import { expect, test } from "vitest";
import { repeat } from "../../../src/lib/repeat.js";
import { eventually } from "../../support/eventually.js";

test("repeat() calls again and again, never twice at once, and goes on after errors, which it tells", async () => {
  let callCount = 0;
  let running = 0;
  let mostAtOnce = 0;
  const errors: unknown[] = [];
  const work = async (): Promise<void> => {
    callCount += 1;
    running += 1;
    mostAtOnce = Math.max(mostAtOnce, running);
    await setImmediate();
    running -= 1;
    if (callCount % 2 === 0) throw new Error(`call ${callCount}`);
  };
  const repeated = repeat(work, { pauseMs: 2, onError: (error) => errors.push(error) });
  await eventually(() => callCount >= 6);
  await repeated[Symbol.asyncDispose]();
  expect(mostAtOnce).toBe(1);
  expect(errors[0]).toEqual(new Error("call 2"));
  expect(errors.length).toBeGreaterThanOrEqual(2);
  expect(running).toBe(0);
});

test("repeat() ends by aborting the call that runs, whose error is not told, and waits for it", async () => {
  const errors: unknown[] = [];
  let hasBegun = false;
  let hasEnded = false;
  const work = async (signal: AbortSignal): Promise<void> => {
    hasBegun = true;
    await once(signal, "abort");
    await setImmediate();
    hasEnded = true;
    throw signal.reason;
  };
  const repeated = repeat(work, {
    ...{ firstPauseMs: 0, pauseMs: 60_000, onError: (error) => errors.push(error) },
  });
  await eventually(() => hasBegun);
  await repeated[Symbol.asyncDispose]();
  expect({ hasEnded, errors }).toEqual({ hasEnded: true, errors: [] });
});

test("repeat() ends at once while it pauses", async () => {
  const repeated = repeat(async () => expect.fail("It was called"), {
    ...{ pauseMs: 3_600_000, onError: () => undefined },
  });
  await repeated[Symbol.asyncDispose]();
});
