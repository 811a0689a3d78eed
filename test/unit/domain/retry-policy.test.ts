import { expect, test } from "vitest";
import { type ErrorCode, TaskError } from "../../../src/domain/errors.js";
import {
  decideRetry,
  type FailureContext,
  MAX_TAKEOVERS,
} from "../../../src/domain/retry-policy.js";

const LIMITS = { maxRetries: 3, retryDelayMs: 1_000, uploadRetryMs: 3_600_000 };

const CONTEXT: FailureContext = {
  task: { attempt: 1, takeovers: 0 },
  stage: "process",
  sincePromptEndedMs: 0,
  blamesTask: true,
  hasSecondOpinion: true,
};

function decide(code: ErrorCode, over: Partial<FailureContext> = {}) {
  return decideRetry(new TaskError(code, "It failed"), { ...CONTEXT, ...over }, LIMITS);
}

test("decideRetry() fails at once what is the task's fault", () => {
  expect(decide("INPUT_DAMAGED", { stage: "download" })).toEqual({
    kind: "failed",
    error: { code: "INPUT_DAMAGED", message: "It failed" },
  });
});

test("decideRetry() asks another server about an unclear failure, where there is one", () => {
  const unclear = new TaskError("PROMPT_FAILED", "It failed", { isUnclear: true });
  const at = (hasSecondOpinion: boolean) =>
    decideRetry(unclear, { ...CONTEXT, hasSecondOpinion }, LIMITS);
  expect(at(true)).toEqual({ kind: "retry", spends: "nothing", pauseTry: 0 });
  expect(at(false)).toMatchObject({ kind: "failed", error: { code: "PROMPT_FAILED" } });
});

test("decideRetry() spends an attempt on a passing fault, until none is left", () => {
  const at = (attempt: number) =>
    decide("INPUT_UNREACHABLE", { stage: "download", task: { attempt, takeovers: 0 } });
  expect(at(3)).toEqual({ kind: "retry", spends: "attempt", pauseTry: 3 });
  expect(at(4)).toMatchObject({ kind: "failed" });
});

test("decideRetry() spends no attempt on a server's fault, and fails a task that takes servers down", () => {
  const at = (takeovers: number) =>
    decide("SERVER_LOST_PROMPT", { task: { attempt: 9, takeovers } });
  expect(at(MAX_TAKEOVERS - 1)).toMatchObject({ kind: "retry", spends: "takeover", pauseTry: 0 });
  expect(at(MAX_TAKEOVERS)).toMatchObject({ kind: "failed", error: { code: "POISON_TASK" } });
});

test("decideRetry() spends nothing when the server alone is to blame", () => {
  const decision = decide("SERVER_FAULT", {
    blamesTask: false,
    task: { attempt: 1, takeovers: 99 },
  });
  expect(decision).toMatchObject({ kind: "retry", spends: "nothing" });
});

test("decideRetry() spends only time on whatever fails after the GPU's work, as long as the result exists", () => {
  const late = (code: ErrorCode, sincePromptEndedMs: number) =>
    decide(code, { stage: "upload", sincePromptEndedMs, task: { attempt: 99, takeovers: 99 } });
  expect(late("UPLOAD_FAILED", 10_000)).toMatchObject({ kind: "retry", spends: "nothing" });
  expect(late("SERVER_UNREACHABLE", 10_000)).toMatchObject({ kind: "retry", spends: "nothing" });
  expect(late("UPLOAD_FAILED", 3_600_000)).toMatchObject({ kind: "failed" });
});

test("decideRetry() pauses longer the longer an upload has been failing", () => {
  const pauseTry = (sincePromptEndedMs: number) => {
    const decision = decide("STORAGE_REFUSED", { stage: "upload", sincePromptEndedMs });
    return decision.kind === "retry" ? decision.pauseTry : undefined;
  };
  expect([0, 1_000, 3_000, 7_000].map(pauseTry)).toEqual([1, 2, 3, 4]);
});

test("decideRetry() runs a prompt again when its result is lost everywhere", () => {
  expect(decide("OUTPUT_LOST", { stage: "upload" })).toMatchObject({
    kind: "retry",
    spends: "takeover",
  });
});
