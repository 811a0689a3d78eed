import { setImmediate } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { SAMPLE_MS, Sampler } from "../../../src/service/sampler.js";

/** Counts what is looked at. */
class Counted {
  count = 0;
  readonly sampler = new Sampler(async () => {
    this.count += 1;
    return this.count;
  });
}

describe("Sampler.latest()", () => {
  test("is one sample for all who ask at the same time", async () => {
    const { sampler } = new Counted();
    const asked = Array.from({ length: 1_000 }, () => sampler.latest());
    expect(new Set(await Promise.all(asked))).toEqual(new Set([1]));
  });

  test("is never older than the last change told", async () => {
    const { sampler } = new Counted();
    await sampler.latest();
    for (const expected of [2, 3, 4]) {
      sampler.changed();
      expect(await sampler.latest()).toBe(expected);
    }
  });

  test("was begun after a change that is told while another sample is taken", async () => {
    const begun: (() => void)[] = [];
    const sampler = new Sampler(
      () => new Promise<number>((resolve) => begun.push(() => resolve(begun.length))),
    );
    const first = sampler.latest();
    await setImmediate();
    sampler.changed();
    const second = sampler.latest();
    begun[0]?.();
    expect(await first).toBe(1);
    while (begun.length < 2) await setImmediate();
    begun[1]?.();
    expect(await second).toBe(2);
  });

  test("is taken no more than once in 100 ms, however much changes and however many ask", async () => {
    const counted = new Counted();
    const startedAtMs = performance.now();
    for (let round = 0; round < 8; round += 1) {
      const asked = Array.from({ length: 100 }, () => {
        counted.sampler.changed();
        return counted.sampler.latest();
      });
      await Promise.all(asked);
    }
    const elapsedMs = performance.now() - startedAtMs;
    expect(counted.count).toBeLessThanOrEqual(2 + elapsedMs / SAMPLE_MS);
  });

  test("throws what looking throws, and looks again for the next who asks", async () => {
    let isBroken = true;
    const sampler = new Sampler(async () => {
      if (isBroken) throw new Error("out of reach");
      return "there";
    });
    await expect(sampler.latest()).rejects.toThrow("out of reach");
    isBroken = false;
    expect(await sampler.latest()).toBe("there");
  });
});
