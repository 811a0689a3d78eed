import { expect, test } from "vitest";
import { GpuLedger } from "../../../src/metrics/gpu-ledger.js";
import { aDispatch } from "../../support/task-store-builders.js";
import { testTask } from "../../support/test-tasks.js";

/** A ledger at a time of the test's own, and what it told. */
function openLedger() {
  const told: string[] = [];
  const time = { nowMs: 100_000 };
  const events = {
    busy: (server: string, seconds: number) => told.push(`busy ${server} ${seconds}`),
    wasted: (cause: string, seconds: number) => told.push(`wasted ${cause} ${seconds}`),
    modelLoaded: (server: string) => told.push(`load ${server}`),
  };
  const ledger = new GpuLedger(events, () => time.nowMs);
  const lease = (workflow = "small") => {
    const task = testTask({ workflow, epoch: 1 });
    ledger.leased(task);
    return task;
  };
  return { ledger, told, time, lease };
}

test("a run counts from its sending to its end, and is no waste when its task completes", () => {
  const { ledger, told, time, lease } = openLedger();
  const task = lease();
  ledger.dispatched(task, aDispatch("sent"));
  time.nowMs += 5_000;
  ledger.dispatched(task, aDispatch("done"));
  ledger.settled(task);
  expect(told).toEqual(["load gpu-1", "busy gpu-1 5"]);
});

test("a prompt that waited behind another one counts from that one's end", () => {
  const { ledger, told, time, lease } = openLedger();
  const [first, second] = [lease(), lease()];
  ledger.dispatched(first, aDispatch("sent", "one"));
  ledger.dispatched(second, aDispatch("sent", "two"));
  time.nowMs += 5_000;
  ledger.dispatched(first, aDispatch("done", "one"));
  time.nowMs += 3_000;
  ledger.dispatched(second, aDispatch("done", "two"));
  expect(told).toEqual(["load gpu-1", "busy gpu-1 5", "busy gpu-1 3"]);
});

test("models are loaded with the first prompt of another workflow", () => {
  const { ledger, told, lease } = openLedger();
  for (const [index, workflow] of ["small", "small", "large", "small"].entries())
    ledger.dispatched(lease(workflow), aDispatch("sent", `prompt-${index}`));
  expect(told).toEqual(["load gpu-1", "load gpu-1", "load gpu-1"]);
});

test("a run is wasted whose task is canceled, and one that is replaced by another", () => {
  const { ledger, told, time, lease } = openLedger();
  const task = lease();
  ledger.dispatched(task, aDispatch("sent", "one"));
  time.nowMs += 2_000;
  ledger.dispatched(task, aDispatch("intent", "two"));
  time.nowMs += 1_000;
  ledger.settled(task, "canceled");
  const wasted = told.filter((line) => line.startsWith("wasted"));
  expect(wasted).toEqual(["wasted resubmitted 2", "wasted canceled 1"]);
});

test("a prompt that is taken back while it waits behind another one is no waste, and shortens no run", () => {
  const { ledger, told, time, lease } = openLedger();
  const [first, second] = [lease(), lease()];
  ledger.dispatched(first, aDispatch("sent", "one"));
  time.nowMs += 1_000;
  ledger.dispatched(second, aDispatch("sent", "two"));
  time.nowMs += 2_000;
  ledger.dispatched(second, { ...aDispatch("intent", "three"), server: "gpu-2" });
  time.nowMs += 3_000;
  ledger.dispatched(second, { ...aDispatch("done", "three"), server: "gpu-2" });
  ledger.dispatched(first, aDispatch("done", "one"));
  expect(told).toEqual(["load gpu-1", "load gpu-2", "busy gpu-2 3", "busy gpu-1 6"]);
});

test("a run that ended is wasted as a whole when its task fails afterwards", () => {
  const { ledger, told, time, lease } = openLedger();
  const task = lease();
  ledger.dispatched(task, aDispatch("sent"));
  time.nowMs += 4_000;
  ledger.dispatched(task, aDispatch("done"));
  time.nowMs += 60_000;
  ledger.settled(task, "UPLOAD_FAILED");
  expect(told.at(-1)).toBe("wasted UPLOAD_FAILED 4");
});

test("a prompt of a former holder counts from when it was sent, and loads nothing", () => {
  const { ledger, told, time } = openLedger();
  const at = new Date(time.nowMs - 7_000);
  const task = testTask({ workflow: "small", epoch: 2, dispatch: { ...aDispatch("sent"), at } });
  ledger.leased(task);
  ledger.dispatched(task, aDispatch("done"));
  expect(told).toEqual(["busy gpu-1 7"]);
});

test("a lease is lost once, and only by the epoch that is held", () => {
  const { ledger, lease } = openLedger();
  const task = lease();
  expect(ledger.lost({ ...task, epoch: 0 })).toBe(false);
  expect(ledger.lost(task)).toBe(true);
  expect(ledger.lost(task)).toBe(false);
});
