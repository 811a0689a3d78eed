import { execFileSync } from "node:child_process";
import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { TaskSchema, TaskType } from "../../../src/client/gen/tmlsr/v1/task_pb.js";
import { asCurl, asGrpc } from "../../../src/page/task/copy-as.js";

const task = create(TaskSchema, {
  type: TaskType.IMAGE,
  workflow: "cpu_image_2x",
  priority: 2,
  labels: { album: "it's $HOME" },
  parameters: { seed: 7 },
  params: { url: "https://example.com/a b.png?x=1&y='2'" },
});
const request = {
  url: "https://example.com/a b.png?x=1&y='2'",
  ...{ workflow: "cpu_image_2x", parameters: { seed: 7 }, priority: 2 },
  labels: { album: "it's $HOME" },
};

/** The words that a shell makes of a command. */
const wordsOf = (command: string) =>
  execFileSync("sh", ["-c", `for word in ${command}; do printf '%s\\n' "$word"; done`], {
    encoding: "utf8",
  }).split("\n");

test("a task copied as curl is the request that made it, safe in a shell", () => {
  const words = wordsOf(asCurl("http://localhost:6008", task));
  expect(words.slice(0, 3)).toEqual(["curl", "-s", "http://localhost:6008/tasks"]);
  expect(JSON.parse(words[6] ?? "")).toEqual({ ...request, type: "image" });
});

test("a task copied as gRPC is a call with buf", () => {
  const words = wordsOf(asGrpc("http://localhost:6008", task));
  expect(JSON.parse(words[6] ?? "")).toEqual({ ...request, type: "TASK_TYPE_IMAGE" });
  expect(words[7]).toBe("http://localhost:6008/tmlsr.v1.TaskService/CreateTask");
});
