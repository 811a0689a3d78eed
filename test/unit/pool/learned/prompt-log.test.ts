import { describe, expect, test } from "vitest";
import { PromptLog } from "../../../../src/pool/learned/prompt-log.js";

const [A, B] = ["a", "b"].map((kind) => ({ kind, framePixels: 1 })) as [Timed, Timed];
type Timed = { readonly kind: string; readonly framePixels: number };

/** Logs prompts that ran to a good end one after the other, with these numbers. */
function logOf(...runs: readonly (readonly [Timed, number | undefined])[]): PromptLog {
  const log = new PromptLog();
  for (const [prompt, number] of runs) {
    const promptId = `ran ${number}`;
    log.noteSent(promptId, prompt, number);
    log.noteEnd(promptId, "ended_well");
  }
  return log;
}

function warmthOf(log: PromptLog, prompt: Timed, number: number | undefined) {
  log.noteSent("new", prompt, number);
  return log.warmth("new");
}

describe("PromptLog.warmth()", () => {
  test("is warm right after one of the same kind that ended well", () => {
    expect(warmthOf(logOf([A, 7]), A, 8)).toBe("warm");
  });

  test("is cold after another kind, after what others sent, and where nothing is known", () => {
    expect(warmthOf(logOf([A, 7], [B, 8]), A, 9)).toBe("cold");
    expect(warmthOf(logOf([A, 7]), A, 9)).toBe("cold");
    expect(warmthOf(logOf([A, 7]), A, undefined)).toBe("cold");
    expect(warmthOf(logOf(), A, 8)).toBe("cold");
    expect(new PromptLog().warmth("of another process")).toBe("cold");
  });

  test("is fresh for the first of a kind since the server's start", () => {
    expect(warmthOf(logOf(), A, 0)).toBe("fresh");
    expect(warmthOf(logOf([B, 0]), A, 1)).toBe("fresh");
    expect(warmthOf(logOf([A, 0], [B, 1]), A, 2)).toBe("cold");
  });

  test("is fresh again after a restart, whether it was told or the numbers show it", () => {
    expect(warmthOf(logOf([A, 7]), A, 0)).toBe("fresh");
    const log = logOf([A, 7]);
    log.noteRestart();
    expect(warmthOf(log, A, 8)).toBe("fresh");
  });

  test("of a prompt that was sent before the restart was told is fresh", () => {
    const log = logOf([A, 7]);
    log.noteSent("new", A, 0);
    log.noteRestart();
    expect(log.warmth("new")).toBe("fresh");
  });

  test("is not known while the one before runs, cold once that has failed", () => {
    const log = logOf([A, 6]);
    log.noteSent("before", A, 7);
    expect(warmthOf(log, A, 8)).toBeUndefined();
    log.noteEnd("before", "ended");
    expect(log.warmth("new")).toBe("cold");
  });

  test("looks past one that was taken back before it ran", () => {
    const log = logOf([A, 7]);
    log.noteSent("back", B, 8);
    log.noteEnd("back", "withdrawn");
    expect(warmthOf(log, A, 9)).toBe("warm");
  });
});

test("PromptLog.current() tells since when a prompt runs, until it has ended", () => {
  const log = new PromptLog();
  log.noteSent("a", A, 1);
  expect(log.current("a")).toMatchObject({ prompt: A });
  log.noteRunning("a", 5_000);
  log.noteRunning("a", 6_000);
  expect(log.current("a")).toMatchObject({ prompt: A, runningSinceMs: 5_000 });
  log.noteEnd("a", "ended_well");
  expect(log.current("a")).toBeUndefined();
  expect(log.current("b")).toBeUndefined();
});
