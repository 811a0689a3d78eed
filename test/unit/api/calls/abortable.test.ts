import { describe, expect, test } from "vitest";
import { abortable } from "../../../../src/api/calls/abortable.js";

async function* count(to: number, onEnd: () => void = () => undefined) {
  try {
    for (let number = 1; number <= to; number += 1) yield number;
  } finally {
    onEnd();
  }
}

async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

describe("abortable()", () => {
  test("passes on what its source has", async () => {
    const { signal } = new AbortController();
    expect(await collect(abortable(count(3), signal))).toEqual([1, 2, 3]);
  });

  test("ends with the reason although its source waits for ever", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    async function* silent(): AsyncGenerator<number> {
      yield 1;
      await new Promise(() => undefined);
    }
    const items = abortable(silent(), controller.signal);
    expect((await items.next()).value).toBe(1);
    const next = items.next();
    controller.abort(reason);
    await expect(next).rejects.toBe(reason);
  });

  test("throws the reason where its source ends quietly on an abort", async () => {
    const controller = new AbortController();
    const reason = new Error("enough");
    const items = abortable(count(1), controller.signal);
    await items.next();
    controller.abort(reason);
    await expect(items.next()).rejects.toBe(reason);
  });

  test("ends its source when it is left", async () => {
    let endCount = 0;
    const source = count(3, () => {
      endCount += 1;
    });
    for await (const _ of abortable(source, new AbortController().signal)) break;
    expect(endCount).toBe(1);
  });
});
