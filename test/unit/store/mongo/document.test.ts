import { BSON } from "mongodb";
import { describe, expect, test } from "vitest";
import type { Task } from "../../../../src/domain/task.js";
import {
  beginLease,
  cancelTask,
  createTask,
  endCleanup,
  holdSlot,
  revise,
  setDispatch,
  settleTask,
} from "../../../../src/store/core/task-changes.js";
import {
  type TaskDocument,
  toDocument,
  toTask,
  toUpdate,
} from "../../../../src/store/mongo/document.js";
import { aDispatch, aRetry, aTask, COMPLETED } from "../../../support/task-store-builders.js";

const NOW = new Date("2026-01-02T03:04:05.678Z");
const ID = "0123456789abcdef".repeat(2);

/** A task on its way, with nearly every field. */
function runningTask(): Task {
  const idempotency = { key: "a\u0000b\ud800", requestHash: "hash" };
  const created = createTask(
    aTask({ idempotency, notBefore: NOW, parameters: { "$a.b": [null, "\ud800"] } }),
    ID,
    NOW,
  );
  const leased = beginLease(created, "replica-1", 30_000, NOW);
  const dispatched = setDispatch(holdSlot(leased, "gpu-1#0"), aDispatch("done"), NOW);
  return { ...dispatched, uploadCheckpoint: { "$x.y": "\u0000" }, runningNode: "KSampler" };
}

/** As the database gives it back. */
function stored(task: Task): TaskDocument {
  const document = { ...toDocument(task, "hash"), changedAt: NOW };
  const bytes = BSON.serialize(document, { ignoreUndefined: true });
  return BSON.deserialize(bytes) as TaskDocument;
}

describe("toTask()", () => {
  test.each<[string, Task]>([
    ["new", createTask(aTask(), ID, NOW)],
    ["running", runningTask()],
    ["put back", settleTask(runningTask(), aRetry({ keepSlot: true, delayMs: 5 }), NOW)],
    ["completed", settleTask(runningTask(), COMPLETED, NOW)],
    ["canceled while it ran", cancelTask(runningTask(), NOW)],
    [
      "canceled after it was put back",
      cancelTask(settleTask(runningTask(), aRetry({ keepSlot: true }), NOW), NOW),
    ],
    ["cleaned up", endCleanup(cancelTask(runningTask(), NOW))],
  ])("gives back what toDocument() took: a task %s", (_case, task) => {
    expect(toTask(stored(task))).toEqual(task);
  });
});

describe("a document", () => {
  test("is up for takeover from the end of its lease on, or at once where a cleanup has none", () => {
    const running = runningTask();
    expect(stored(running).orphanAt).toEqual(running.lease?.expiresAt);
    const pending = settleTask(running, aRetry({ keepSlot: true }), NOW);
    expect(stored(pending)).not.toHaveProperty("orphanAt");
    expect(stored(cancelTask(pending, NOW)).orphanAt).toEqual(new Date(0));
  });

  test("counts its retention from its end, but not before its cleanup", () => {
    const canceled = cancelTask(runningTask(), NOW);
    expect(stored(runningTask())).not.toHaveProperty("retainedSince");
    expect(stored(canceled)).not.toHaveProperty("retainedSince");
    expect(stored(endCleanup(canceled)).retainedSince).toEqual(NOW);
    expect(stored(settleTask(runningTask(), COMPLETED, NOW)).retainedSince).toEqual(NOW);
  });
});

describe("toUpdate()", () => {
  test("writes nothing where nothing differs", () => {
    expect(toUpdate(runningTask(), runningTask())).toBeUndefined();
  });

  test("writes what differs, removes what is gone, and tells of a revision with its status", () => {
    const task = runningTask();
    const ended = revise(task, settleTask(task, COMPLETED, NOW), NOW);
    expect(toUpdate(task, ended)).toMatchObject({
      $set: { status: "completed", change: { rev: task.rev + 1, status: "completed" } },
      $unset: { leaseOwner: "", orphanAt: "", slot: "", dispatch: "", uploadCheckpoint: "" },
      $inc: { version: 1 },
      $currentDate: { changedAt: true },
    });
  });

  test("tells nothing of what no client can see", () => {
    const task = runningTask();
    const renewed = { ...task, lease: { owner: "replica-1", expiresAt: new Date(5) } };
    expect(toUpdate(task, revise(task, renewed, NOW))).toEqual({
      $set: { orphanAt: new Date(5) },
      $unset: {},
      $inc: { version: 1 },
    });
  });
});
