import { setMaxListeners } from "node:events";
import { describe, expect, onTestFinished, test } from "vitest";
import { SampleStreams } from "../../../src/service/sample-streams.js";
import { SAMPLE_MS, Sampler } from "../../../src/service/sampler.js";
import { eventually } from "../../support/eventually.js";

/** On a busy machine. */
const LONG = { limitMs: 150_000 };

/** Something that changes, and what streams of it have told so far. */
class Watched {
  value = { version: 1 };
  failure: Error | undefined;
  takenCount = 0;
  readonly sampler = new Sampler(async () => {
    this.takenCount += 1;
    if (this.failure) throw this.failure;
    return this.value;
  });
  readonly #streams = new SampleStreams(this.sampler);
  readonly #stop = new AbortController();

  constructor() {
    setMaxListeners(0, this.#stop.signal);
    onTestFinished(() => this.#stop.abort());
  }

  /** @returns the versions that a stream tells, as they come; last of all what ended it. */
  open(intervalMs: number): unknown[] {
    const told: unknown[] = [];
    const read = async () => {
      for await (const { version } of this.#streams.watch(intervalMs, this.#stop.signal))
        told.push(version);
    };
    read().catch((error: unknown) => told.push(error));
    return told;
  }

  change(): void {
    this.value = { version: this.value.version + 1 };
    this.sampler.changed();
  }
}

describe("SampleStreams.watch()", () => {
  test("tells the sample of now and then what differs, and nothing twice", async () => {
    const watched = new Watched();
    const told = watched.open(SAMPLE_MS);
    await eventually(() => told.length === 1);
    await eventually(() => watched.takenCount >= 4);
    expect(told).toEqual([1]);
    watched.change();
    await eventually(() => told.length === 2);
    expect(told).toEqual([1, 2]);
  });

  test("2,000 streams cost as many samples as one, whatever their intervals", async () => {
    const watched = new Watched();
    const intervalsMs = [SAMPLE_MS, 2.5 * SAMPLE_MS, 10 * SAMPLE_MS];
    const startedAtMs = performance.now();
    const streams = Array.from({ length: 2_000 }, (_, index) =>
      watched.open(intervalsMs[index % intervalsMs.length] ?? SAMPLE_MS),
    );
    for (let version = 1; version <= 3; version += 1) {
      await eventually(() => streams.every((told) => told.at(-1) === version), LONG);
      watched.change();
    }
    const elapsedMs = performance.now() - startedAtMs;
    expect(watched.takenCount).toBeLessThanOrEqual(2 + elapsedMs / SAMPLE_MS);
  });

  test("streams of a long interval alone are looked after no more often than that", async () => {
    const watched = new Watched();
    const intervalMs = 5 * SAMPLE_MS;
    for (let count = 0; count < 20; count += 1) {
      const told = watched.open(intervalMs);
      await eventually(() => told.length === 1);
    }
    const startedAtMs = performance.now();
    const openedCount = watched.takenCount;
    await eventually(() => watched.takenCount >= openedCount + 4, LONG);
    const elapsedMs = performance.now() - startedAtMs;
    expect(watched.takenCount - openedCount).toBeLessThanOrEqual(2 + elapsedMs / intervalMs);
  });

  test("a reader that is slow gets the latest, not what came in between", async () => {
    const watched = new Watched();
    const other = watched.open(SAMPLE_MS);
    const stop = new AbortController();
    const slow = new SampleStreams(watched.sampler).watch(SAMPLE_MS, stop.signal);
    expect((await slow.next()).value).toEqual({ version: 1 });
    for (const version of [2, 3]) {
      watched.change();
      await eventually(() => other.at(-1) === version);
    }
    expect((await slow.next()).value).toEqual({ version: 3 });
    await slow.return();
  });

  test("what taking a sample throws ends every stream", async () => {
    const watched = new Watched();
    const streams = [watched.open(SAMPLE_MS), watched.open(2 * SAMPLE_MS)];
    await eventually(() => streams.every((told) => told.length === 1));
    watched.failure = new Error("out of reach");
    await eventually(() => streams.every((told) => told.at(-1) === watched.failure));
    watched.failure = undefined;
    const later = watched.open(SAMPLE_MS);
    await eventually(() => later.length === 1);
  });
});
