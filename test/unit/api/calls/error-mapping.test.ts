import { create } from "@bufbuild/protobuf";
import { createValidator, RuntimeError } from "@bufbuild/protovalidate";
import { Code, ConnectError } from "@connectrpc/connect";
import { describe, expect, test } from "vitest";
import { toConnectError, toProblem } from "../../../../src/api/calls/error-mapping.js";
import { type ErrorCode, TaskError } from "../../../../src/domain/errors.js";
import { ErrorDetailSchema } from "../../../../src/gen/tmlsr/v1/error_pb.js";
import { CreateTaskRequestSchema } from "../../../../src/gen/tmlsr/v1/task_service_pb.js";

/** Code, HTTP status and gRPC code. */
const EXPECTED: [ErrorCode, number, Code][] = [
  ["INVALID_REQUEST", 400, Code.InvalidArgument],
  ["WORKFLOW_NOT_RUNNABLE", 400, Code.FailedPrecondition],
  ["WORKFLOW_NOT_FOUND", 404, Code.NotFound],
  ["IDEMPOTENCY_CONFLICT", 409, Code.AlreadyExists],
  ["QUEUE_FULL", 429, Code.ResourceExhausted],
  ["STORE_UNAVAILABLE", 503, Code.Unavailable],
];

test.each(EXPECTED)("%s is HTTP %i and gRPC code %i", (code, status, grpcCode) => {
  const error = new TaskError(code, "What failed");
  expect(toConnectError(error)).toMatchObject({ code: grpcCode, rawMessage: "What failed" });
  expect(toConnectError(error).findDetails(ErrorDetailSchema)).toMatchObject([{ code }]);
  expect(toProblem(error)).toMatchObject({ status, body: { code, detail: "What failed" } });
});

describe("a problem", () => {
  test("keeps the sentences that older clients compare with", () => {
    const missing = toProblem(new TaskError("TASK_NOT_FOUND", "No such task"));
    expect(missing.body).toEqual({
      type: "about:blank",
      title: "Not Found",
      detail: "Task not found",
      code: "TASK_NOT_FOUND",
    });
    expect(toProblem(new TaskError("TASK_ALREADY_ENDED", "It ended")).body.detail).toBe(
      "Unable to cancel task (already completed or failed)",
    );
  });

  test("has every violation and when to try again, rounded up to seconds", () => {
    const violations = [
      { field: "url", message: "url is required" },
      { field: "priority", message: "priority must be 0 to 2" },
    ];
    const { body } = toProblem(new TaskError("INVALID_REQUEST", "Bad", { violations }));
    expect(body.errors).toEqual(violations);
    const full = new TaskError("QUEUE_FULL", "Full", { retryAfterMs: 1_001 });
    expect(toProblem(full).headers).toEqual({ "retry-after": "2" });
    expect(toProblem(new TaskError("QUEUE_FULL", "Full")).headers).toEqual({});
  });

  test("of an error that Connect raised has its gRPC code as code", () => {
    const late = new ConnectError("the operation timed out", Code.DeadlineExceeded);
    expect(toProblem(late)).toMatchObject({ status: 504, body: { code: "DEADLINE_EXCEEDED" } });
    const garbled = new ConnectError("cannot decode", Code.InvalidArgument);
    expect(toProblem(garbled)).toMatchObject({ status: 400, body: { code: "INVALID_REQUEST" } });
  });
});

describe("a fault of ours", () => {
  const secret = "password=1234";
  const cause = new Error(secret);
  test.each([
    ["an unknown error", cause],
    ["no error at all", secret],
    ["INTERNAL with a text", new TaskError("INTERNAL", secret)],
    ["Connect's INTERNAL", new ConnectError(secret, Code.Internal)],
    ["Connect's UNKNOWN", new ConnectError(secret, Code.Unknown)],
    [
      "a rule that cannot be evaluated",
      new ConnectError(
        secret,
        Code.InvalidArgument,
        undefined,
        undefined,
        new RuntimeError(secret),
      ),
    ],
  ])("is INTERNAL without its text: %s", (_name, thrown) => {
    const error = toConnectError(thrown);
    expect(error.code).toBe(Code.Internal);
    expect(error.message).not.toContain(secret);
    expect(String(error.cause)).toContain(secret);
    expect(error.findDetails(ErrorDetailSchema)).toMatchObject([{ code: "INTERNAL" }]);
    const problem = toProblem(error);
    expect(problem).toMatchObject({ status: 500, body: { code: "INTERNAL" } });
    expect(JSON.stringify(problem)).not.toContain(secret);
  });
});

test("what the validator finds is INVALID_REQUEST with the fields by their names in the proto", () => {
  const request = create(CreateTaskRequestSchema, { idempotencyKey: "" });
  const { error } = createValidator().validate(CreateTaskRequestSchema, request);
  const thrown = new ConnectError("raw", Code.InvalidArgument, undefined, undefined, error);
  const { body } = toProblem(thrown);
  expect(body.code).toBe("INVALID_REQUEST");
  const messages = ["url is required", "idempotency_key must be at least 1 characters"];
  expect(body.errors).toEqual([
    { field: "url", message: messages[0] },
    { field: "idempotency_key", message: messages[1] },
  ]);
  expect(body.detail).toBe(`Cannot accept the request: ${messages.join("; ")}`);
});
