import { create, toJson } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { toProtoTask } from "../../../../src/api/rpc/task-mapper.js";
import type { Task } from "../../../../src/domain/task.js";
import { TaskSchema } from "../../../../src/gen/tmlsr/v1/task_pb.js";
import { testTask } from "../../../support/test-tasks.js";

/** A task in protobuf's JSON, whose names are those of the proto. */
function json(overrides: Partial<Task>, urls: string[] = []) {
  const view = { task: testTask(overrides), outputUrls: urls.map((url) => ({ url })) };
  return toJson(TaskSchema, create(TaskSchema, toProtoTask(view)), {
    useProtoFieldName: true,
  }) as Record<string, unknown>;
}

test("a new task has nothing that it has not got yet", () => {
  const { task_id: _, ...task } = json({});
  expect(task).toEqual({
    status: "TASK_STATUS_PENDING",
    type: "TASK_TYPE_IMAGE",
    priority: 1,
    created_at: "2026-01-02T14:14:34.789Z",
    updated_at: "2026-01-02T14:14:34.789Z",
    params: { url: "https://example.com/in.png" },
    workflow: "esrgan_image_2x",
    workflow_version: "v1",
    parameters: {},
  });
});

test("a completed task has its stages in order, with seconds, and its result in MiB", () => {
  const stage = { status: "success", progress: 100, detail: "Done" } as const;
  const task = json(
    {
      status: "completed",
      stages: {
        upload: { ...stage, durationMs: 15_876 },
        download: { ...stage, durationMs: 104 },
        process: { ...stage, durationMs: 52_174 },
      },
      outputs: [
        { key: "k/1", sizeBytes: 14_030_000, mediaType: "image/png", fileName: "result.png" },
        { key: "k/2", sizeBytes: 1, mediaType: "image/png", fileName: "more.png" },
      ],
      attempts: [{ attempt: 1, server: "http://gpu:8188", startedAt: new Date(0) }],
    },
    ["https://files.test/1", "https://files.test/2"],
  );
  expect(task["stages"]).toMatchObject([
    { name: "STAGE_NAME_DOWNLOAD", duration: 0.1 },
    { name: "STAGE_NAME_PROCESS", duration: 52.17 },
    { name: "STAGE_NAME_UPLOAD", duration: 15.88, status: "STAGE_STATUS_SUCCESS" },
  ]);
  expect(task["output"]).toEqual({
    url: "https://files.test/1",
    size_mb: 13.38,
    size_bytes: "14030000",
    media_type: "image/png",
    file_name: "result.png",
  });
  expect(task["outputs"]).toMatchObject([{ file_name: "result.png" }, { file_name: "more.png" }]);
  expect(task["server"]).toBe("http://gpu:8188");
});

test("a failed task says why, without the secrets of URLs", () => {
  const task = json({
    status: "failed",
    attempt: 3,
    error: { code: "INPUT_REFUSED", message: 'Cannot download "https://a.test/x?sig=1": 403' },
    params: { url: "https://a.test/x?sig=1", outscale: "2", target: { a: [1, null] } },
  });
  expect(task).toMatchObject({
    error: 'Cannot download "https://a.test/x?***": 403',
    error_code: "INPUT_REFUSED",
    retries: 2,
    params: { url: "https://a.test/x?sig=1", outscale: "2", target: { a: [1, null] } },
  });
});
