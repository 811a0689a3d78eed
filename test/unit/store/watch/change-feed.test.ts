import { describe, expect, test } from "vitest";
import type { TaskChange } from "../../../../src/store/task-reading.js";
import { ChangeFeed } from "../../../../src/store/watch/change-feed.js";

const change = (rev: number): TaskChange => ({
  taskId: "a",
  rev,
  status: "pending",
  position: "1",
});

describe("ChangeFeed", () => {
  test("tells all listeners in the order of publishing, also what a listener publishes", () => {
    const feed = new ChangeFeed(() => undefined);
    const told: string[] = [];
    feed.subscribe(({ rev }) => {
      told.push(`first ${rev}`);
      if (rev === 1) feed.publish([change(3)]);
    });
    feed.subscribe(({ rev }) => told.push(`second ${rev}`));
    feed.publish([change(1), change(2)]);
    expect(told).toEqual([
      ...["first 1", "second 1", "first 2", "second 2", "first 3", "second 3"],
    ]);
  });

  test("reports what a listener throws and tells the others", () => {
    const errors: unknown[] = [];
    const feed = new ChangeFeed((error) => errors.push(error));
    const told: number[] = [];
    const fault = new Error("No");
    feed.subscribe(() => {
      throw fault;
    });
    feed.subscribe(({ rev }) => told.push(rev));
    feed.publish([change(1)]);
    feed.publish([change(2)]);
    expect([told, errors]).toEqual([
      [1, 2],
      [fault, fault],
    ]);
  });

  test("lets a listener end subscriptions while it is told", () => {
    const feed = new ChangeFeed(() => undefined);
    const told: string[] = [];
    const unsubscribe = feed.subscribe(() => {
      told.push("once");
      unsubscribe();
    });
    feed.subscribe(() => told.push("each"));
    feed.publish([change(1), change(2)]);
    expect(told).toEqual(["once", "each", "each"]);
  });
});
