import { expect, test } from "vitest";
import { withIdleLimit } from "../../../../src/input/upload/with-idle-limit.js";

const IDLE = new Error("idle");
const calm = new AbortController().signal;

async function* items(isEndless = false) {
  yield* [1, 2, 3];
  if (isEndless) await new Promise(() => undefined);
}

async function all(source: AsyncIterable<number>, idleMs: number, signal = calm) {
  const seen: number[] = [];
  const read = async () => {
    for await (const item of withIdleLimit(source, idleMs, signal, () => IDLE)) seen.push(item);
  };
  const error = await read().catch((thrown: unknown) => thrown);
  return { seen, error };
}

test("passes everything on", async () => {
  expect(await all(items(), 1_000)).toEqual({ seen: [1, 2, 3], error: undefined });
});

test("ends a source from which nothing comes", async () => {
  expect(await all(items(true), 20)).toEqual({ seen: [1, 2, 3], error: IDLE });
});

test("ends at once when it is aborted", async () => {
  const cancel = new AbortController();
  const reading = all(items(true), 60_000, cancel.signal);
  await Promise.resolve();
  const reason = new Error("gone");
  cancel.abort(reason);
  expect((await reading).error).toBe(reason);
});

test("hands on what the source throws, and closes a source that is left", async () => {
  const reason = new Error("broken");
  let isClosed = false;
  async function* broken() {
    try {
      yield 1;
      throw reason;
    } finally {
      isClosed = true;
    }
  }
  expect(await all(broken(), 1_000)).toEqual({ seen: [1], error: reason });
  isClosed = false;
  for await (const _ of withIdleLimit(broken(), 1_000, calm, () => IDLE)) break;
  await Promise.resolve();
  expect(isClosed).toBe(true);
});
