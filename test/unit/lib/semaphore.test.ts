import { expect, test } from "vitest";
import { Semaphore } from "../../../src/lib/semaphore.js";

const never = new AbortController().signal;

test("Semaphore lets in as many as it has places, then the first that waits", async () => {
  const semaphore = new Semaphore(1);
  const entered: string[] = [];
  const first = await semaphore.enter(never);
  const enter = async (name: string): Promise<Disposable> => {
    const place = await semaphore.enter(never);
    entered.push(name);
    return place;
  };
  const second = enter("second");
  const third = enter("third");
  expect(entered).toEqual([]);
  first[Symbol.dispose]();
  first[Symbol.dispose]();
  (await second)[Symbol.dispose]();
  await third;
  expect(entered).toEqual(["second", "third"]);
});

test("Semaphore.enter() stops waiting when aborted, and keeps the place for others", async () => {
  const semaphore = new Semaphore(1);
  const first = await semaphore.enter(never);
  const controller = new AbortController();
  const aborted = semaphore.enter(controller.signal);
  const next = semaphore.enter(never);
  controller.abort(new Error("no longer needed"));
  await expect(aborted).rejects.toThrow("no longer needed");
  first[Symbol.dispose]();
  await expect(next).resolves.toBeDefined();
});
