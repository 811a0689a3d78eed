import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { toCreateTask, toTaskStatus } from "../../../../src/api/rpc/task-request.js";
import { TaskStatus, TaskType } from "../../../../src/gen/tmlsr/v1/task_pb.js";
import { CreateTaskRequestSchema } from "../../../../src/gen/tmlsr/v1/task_service_pb.js";

const URL = "https://example.com/in.png";

function read(
  request: MessageInitShape<typeof CreateTaskRequestSchema>,
  key: string | null = null,
) {
  return toCreateTask(create(CreateTaskRequestSchema, { url: URL, ...request }), key);
}

test("what is left out, null or an empty name is absent", () => {
  expect(read({})).toEqual({ params: { url: URL } });
  const outscale = { kind: { case: "nullValue", value: 0 } } as const;
  expect(read({ workflow: "", model: "", outscale })).toEqual({ params: { url: URL } });
});

test("all that is given is kept", () => {
  const request = {
    type: TaskType.VIDEO,
    workflow: "w.json",
    model: "SeedVR2",
    outscale: { kind: { case: "stringValue", value: "2" } },
    outputMagnification: { kind: { case: "numberValue", value: 2 } },
    parameters: { seed: 1 },
    priority: 0,
    notBefore: { seconds: 60n },
    idempotencyKey: "key",
  } as const;
  expect(read(request, "other")).toEqual({
    params: {
      url: URL,
      type: "video",
      workflow: "w.json",
      model: "SeedVR2",
      outscale: "2",
      outputMagnification: 2,
    },
    parameters: { seed: 1 },
    priority: 0,
    notBefore: new Date(60_000),
    idempotencyKey: "key",
  });
});

test("the header is the key of a request without one", () => {
  expect(read({}, "of-header").idempotencyKey).toBe("of-header");
});

test("what is no JSON, no time and no key is refused, all at once", () => {
  const request = {
    resolution: { kind: { case: "numberValue", value: Number.NaN } },
    target: {},
    notBefore: { seconds: 10n ** 15n },
  } as const;
  expect(() => read(request, "")).toThrow(
    expect.objectContaining({
      code: "INVALID_REQUEST",
      violations: ["idempotency_key", "resolution", "target", "not_before"].map((field) =>
        expect.objectContaining({ field }),
      ),
    }),
  );
});

test("every status has its word", () => {
  const { UNSPECIFIED, PENDING, PROCESSING, COMPLETED, FAILED, CANCELED } = TaskStatus;
  const words = [UNSPECIFIED, PENDING, PROCESSING, COMPLETED, FAILED, CANCELED].map(toTaskStatus);
  expect(words).toEqual([undefined, "pending", "processing", "completed", "failed", "canceled"]);
});
