import { describe, expect, test } from "vitest";
import { PromptWatch } from "../../../../src/comfy/prompt/prompt-watch.js";
import { TaskError } from "../../../../src/domain/errors.js";

const LIMITS = {
  stallMs: 100_000,
  refusedMs: 15_000,
  silentMinMs: 30_000,
  silentMaxMs: 600_000,
  deadWorkerMs: 60_000,
  absentMs: 2_000,
  lateHistoryMs: 10_000,
};
const RUNNING = { state: "running" } as const;
const PENDING = { state: "pending", aheadId: "other" } as const;
const ALONE = { state: "pending" } as const;
const ABSENT = { state: "absent" } as const;
const UNREACHABLE = new TaskError("SERVER_UNREACHABLE", "silent");

/** Tells a watch the same thing every second. @returns when it came to a verdict, and to which */
function every(second: (nowMs: number) => unknown, from: number, to: number) {
  for (let nowMs = from; nowMs <= to; nowMs += 1_000) {
    const verdict = second(nowMs);
    if (verdict !== undefined) return { nowMs, verdict };
  }
  return undefined;
}

function newWatch(investedMs = 0): PromptWatch {
  return new PromptWatch("http://gpu1", LIMITS, 0, investedMs);
}

describe("a server that cannot be asked", () => {
  test("is waited for as long as it had worked on the prompt", () => {
    const watch = newWatch();
    watch.noteSighting(RUNNING, 0, false, 100_000);
    const fail = (nowMs: number) => watch.noteFailure(UNREACHABLE, false, nowMs);
    expect(every(fail, 101_000, 900_000)).toEqual({ nowMs: 202_000, verdict: UNREACHABLE });
  });

  test.each([
    [0, 31_000],
    [3_600_000, 601_000],
  ])("with %i ms of work before is given up at %i", (investedMs, expected) => {
    const watch = newWatch(investedMs);
    const fail = (nowMs: number) => watch.noteFailure(UNREACHABLE, false, nowMs);
    expect(every(fail, 1_000, 900_000)?.nowMs).toBe(expected);
  });

  test("is given up sooner where connections are refused", () => {
    const watch = newWatch(3_600_000);
    watch.noteFailure(UNREACHABLE, false, 1_000);
    const fail = (nowMs: number) => watch.noteFailure(UNREACHABLE, true, nowMs);
    expect(every(fail, 2_000, 900_000)?.nowMs).toBe(17_000);
  });

  test("is forgiven by one answer, and by one event", () => {
    const watch = newWatch();
    const fail = (nowMs: number) => watch.noteFailure(UNREACHABLE, false, nowMs);
    expect(every(fail, 1_000, 30_000)).toBeUndefined();
    watch.noteSighting(RUNNING, 0, false, 30_500);
    expect(every(fail, 31_000, 60_000)).toBeUndefined();
    watch.noteEvent(60_500);
    expect(every(fail, 61_000, 90_000)).toBeUndefined();
  });
});

describe("a prompt found nowhere", () => {
  const absent = (watch: PromptWatch, isRestarted: boolean) => (nowMs: number) =>
    watch.noteSighting(ABSENT, 0, isRestarted, nowMs);

  test("is lost at the second look, when time has passed", () => {
    const watch = newWatch();
    expect(watch.noteSighting(ABSENT, 0, false, 0)).toBeUndefined();
    expect(watch.noteSighting(ABSENT, 0, false, 10)).toBeUndefined();
    expect(watch.noteSighting(ABSENT, 0, false, 2_000)).toEqual({ kind: "lost" });
  });

  test("is not lost when it turns up again between two looks", () => {
    const watch = newWatch();
    watch.noteSighting(ABSENT, 0, false, 0);
    watch.noteSighting(RUNNING, 0, false, 1_000);
    expect(watch.noteSighting(ABSENT, 0, false, 2_000)).toBeUndefined();
  });

  test("is given time to enter the history when it was seen running", () => {
    const watch = newWatch();
    watch.noteSighting(RUNNING, 0, false, 0);
    expect(every(absent(watch, false), 1_000, 60_000)).toEqual({
      nowMs: 11_000,
      verdict: { kind: "lost" },
    });
  });

  test("is given none after a restart", () => {
    const watch = newWatch();
    watch.noteSighting(RUNNING, 0, false, 0);
    expect(every(absent(watch, true), 1_000, 60_000)?.nowMs).toBe(3_000);
  });

  test("ended as was heard, when the history never has it", () => {
    const watch = newWatch();
    const end = { kind: "success", outputs: {} } as const;
    watch.noteEndByEvents(end);
    expect(every(absent(watch, false), 1_000, 60_000)).toEqual({ nowMs: 11_000, verdict: end });
  });

  test("ended as the history says, whatever was heard", () => {
    const watch = newWatch();
    watch.noteEndByEvents({ kind: "success", outputs: {} });
    const end = { kind: "interrupted" } as const;
    expect(watch.noteSighting({ state: "ended", end }, 0, false, 1_000)).toBe(end);
  });
});

describe("a silent prompt", () => {
  const seen =
    (
      watch: PromptWatch,
      sighting: typeof RUNNING | typeof PENDING | typeof ALONE,
      heardSinceMs: number | undefined = 0,
    ) =>
    (nowMs: number) =>
      watch.noteSighting(sighting, heardSinceMs, false, nowMs);

  const unheard = (watch: PromptWatch) => (nowMs: number) =>
    watch.noteSighting(RUNNING, undefined, false, nowMs);

  test("is stuck when it runs without a sign of life", () => {
    const found = every(seen(newWatch(), RUNNING), 1_000, 900_000);
    expect(found?.nowMs).toBe(101_000);
    expect(found?.verdict).toMatchObject({ code: "SERVER_STUCK" });
  });

  test("is alive with every event", () => {
    const watch = newWatch();
    const live = (nowMs: number) => {
      if (nowMs % 90_000 === 0) watch.noteEvent(nowMs);
      return watch.noteSighting(RUNNING, 0, false, nowMs);
    };
    expect(every(live, 1_000, 900_000)).toBeUndefined();
  });

  test("is given four times as long where nobody can hear it", () => {
    expect(every(unheard(newWatch()), 1_000, 900_000)?.nowMs).toBe(401_000);
  });

  test("is not stuck for the time in which the server could not be asked", () => {
    const watch = newWatch(3_600_000);
    const fail = (nowMs: number) => watch.noteFailure(UNREACHABLE, false, nowMs);
    expect(every(fail, 1_000, 500_000)).toBeUndefined();
    expect(every(seen(watch, RUNNING), 501_000, 900_000)?.nowMs).toBe(601_000);
  });

  test("is not stuck while it waits for another's", () => {
    expect(every(seen(newWatch(), PENDING), 1_000, 900_000)).toBeUndefined();
  });

  test("is stuck when it waits although nothing runs", () => {
    const found = every(seen(newWatch(), ALONE), 1_000, 900_000);
    expect(found?.nowMs).toBe(61_000);
    expect(found?.verdict).toMatchObject({ code: "SERVER_STUCK" });
  });
});

describe("a silent prompt of which is known what is enough", () => {
  const STALL_MS = 20_000;

  function aLearnedWatch(learnedStallMs: () => number | undefined = () => STALL_MS): PromptWatch {
    return new PromptWatch("http://gpu1", { ...LIMITS, learnedStallMs }, 0);
  }

  /** Runs in silence; the connection is made anew, as a follower does it, where it is in doubt. */
  function running(watch: PromptWatch, isHeard: (nowMs: number) => boolean = () => true) {
    let heardSinceMs = 0;
    return (nowMs: number) => {
      if (watch.isHearingInDoubt(nowMs)) heardSinceMs = nowMs;
      return watch.noteSighting(RUNNING, isHeard(nowMs) ? heardSinceMs : undefined, false, nowMs);
    };
  }

  test("is stuck when that has passed, half of it over a connection made since", () => {
    const found = every(running(aLearnedWatch()), 1_000, 900_000);
    expect(found?.nowMs).toBe(21_000);
    expect(found?.verdict).toMatchObject({ code: "SERVER_STUCK" });
  });

  test("is not judged by that over a connection that was there before", () => {
    const seen = (watch: PromptWatch) => (nowMs: number) =>
      watch.noteSighting(RUNNING, 0, false, nowMs);
    expect(every(seen(aLearnedWatch()), 1_000, 900_000)?.nowMs).toBe(101_000);
  });

  test("is alive with every event", () => {
    const watch = aLearnedWatch();
    const silent = running(watch);
    const live = (nowMs: number) => {
      if (nowMs % 19_000 === 0) watch.noteEvent(nowMs);
      return silent(nowMs);
    };
    expect(every(live, 1_000, 900_000)).toBeUndefined();
  });

  test.each([15_000, 21_000])(
    "is not judged by that where nobody hears it from %i on",
    (fromMs) => {
      const isHeard = (nowMs: number) => nowMs < fromMs;
      expect(every(running(aLearnedWatch(), isHeard), 1_000, 300_000)).toBeUndefined();
    },
  );

  test("is heard anew for as long after nobody could hear it", () => {
    const isHeard = (nowMs: number) => nowMs < 15_000 || nowMs > 60_000;
    expect(every(running(aLearnedWatch(), isHeard), 1_000, 900_000)?.nowMs).toBe(71_000);
  });

  test("is not thought to be unheard for the moment in which a connection is made", () => {
    const isHeard = (nowMs: number) => nowMs % 7_000 !== 0;
    const nowMs = every(running(aLearnedWatch(), isHeard), 1_000, 900_000)?.nowMs ?? 0;
    expect(nowMs).toBeGreaterThanOrEqual(21_000);
    expect(nowMs).toBeLessThan(28_000);
  });

  test("is not judged by that while it waits, nor before its kind was timed", () => {
    const waiting = aLearnedWatch();
    const pending = (nowMs: number) => waiting.noteSighting(PENDING, 0, false, nowMs);
    expect(every(pending, 1_000, 900_000)).toBeUndefined();
    expect(every(running(aLearnedWatch(() => undefined)), 1_000, 900_000)?.nowMs).toBe(101_000);
  });
});
