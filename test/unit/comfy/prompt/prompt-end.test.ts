import { expect, test } from "vitest";
import { promptEnd } from "../../../../src/comfy/prompt/prompt-end.js";
import { historyEntrySchema } from "../../../../src/comfy/wire.js";

const file = { filename: "a_00001_.png", subfolder: "x", type: "output" };

function endOf(entry: object) {
  return promptEnd(historyEntrySchema.parse(entry));
}

function statusOf(status_str: string, ...messages: [string, object][]) {
  return { status_str, completed: status_str === "success", messages };
}

test("promptEnd() reads outputs and the time from a success", () => {
  const end = endOf({
    outputs: { "3": { images: [file], animated: [false] }, "5": { text: ["hello"] } },
    status: statusOf(
      "success",
      ["execution_start", { timestamp: 1000 }],
      ["execution_cached", { nodes: [], timestamp: 1001 }],
      ["execution_success", { timestamp: 3500 }],
    ),
  });
  expect(end).toEqual({ kind: "success", outputs: { "3": { images: [file] } }, executedMs: 2500 });
});

test("promptEnd() tells an interruption from a failure by the last message, the status being the same", () => {
  const start = ["execution_start", { timestamp: 1 }] as [string, object];
  const interrupted = endOf({
    outputs: {},
    status: statusOf("error", start, ["execution_interrupted", { node_id: "2", executed: [] }]),
  });
  expect(interrupted).toEqual({ kind: "interrupted" });
  const failed = endOf({
    outputs: { "4": { images: [file] } },
    status: statusOf("error", start, [
      "execution_error",
      {
        node_id: "2",
        node_type: "AlwaysFails",
        exception_type: "ValueError",
        exception_message: "boom\n",
      },
    ]),
  });
  expect(failed).toMatchObject({ kind: "failed", error: { code: "PROMPT_FAILED" } });
});

test("promptEnd() takes a blocked branch for no failure when the prompt succeeded", () => {
  const end = endOf({
    outputs: {},
    status: statusOf(
      "success",
      ["execution_error", { exception_type: "ExecutionBlocked" }],
      ["execution_success", {}],
    ),
  });
  expect(end).toEqual({ kind: "success", outputs: {} });
});

test("promptEnd() fails an error without a reason", () => {
  const end = endOf({ outputs: {}, status: statusOf("error") });
  expect(end).toMatchObject({ kind: "failed", error: { code: "PROMPT_FAILED", isUnclear: true } });
});

test("promptEnd() takes an entry without a status for a success", () => {
  const end = endOf({ outputs: { "3": { images: [file] } }, status: null });
  expect(end).toEqual({ kind: "success", outputs: { "3": { images: [file] } } });
});

test("promptEnd() fails a run that is only the first of several batches", () => {
  const end = endOf({
    outputs: { "7": { unfinished_batch: [true] } },
    status: statusOf("success", ["execution_success", {}]),
  });
  expect(end).toMatchObject({ kind: "failed", error: { code: "WORKFLOW_INVALID" } });
});
