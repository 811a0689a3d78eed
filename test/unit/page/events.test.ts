import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import { TaskSchema, TaskStatus } from "../../../src/client/gen/tmlsr/v1/task_pb.js";
import { eventsOf } from "../../../src/page/task/events-of.js";
import { translator } from "../../../src/page/texts/texts.js";

it("the events of a task are told in order, attempt by attempt, to its end", () => {
  const task = create(TaskSchema, {
    status: TaskStatus.COMPLETED,
    createdAt: timestampFromMs(1_000),
    updatedAt: timestampFromMs(6_000),
    attempts: [
      {
        ...{ attempt: 1, server: "http://gpu-1", reason: "TIMEOUT" },
        startedAt: timestampFromMs(2_000),
        endedAt: timestampFromMs(3_000),
      },
      { attempt: 2, startedAt: timestampFromMs(4_000), endedAt: timestampFromMs(5_000) },
    ],
  });
  expect(eventsOf(task, translator("en"))).toEqual([
    { atMs: 1_000, words: "Submitted" },
    { atMs: 2_000, words: "Attempt 1 began, on http://gpu-1" },
    { atMs: 3_000, words: "Attempt 1 ended: TIMEOUT" },
    { atMs: 4_000, words: "Attempt 2 began" },
    { atMs: 6_000, words: "The task ended: Completed" },
  ]);
});
