import { expect, test, vi } from "vitest";
import { perObjectFor } from "../../../src/lib/per-object.js";

test("a result is made once for an object until it is too old", async () => {
  vi.useFakeTimers({ toFake: ["performance"] });
  const make = vi.fn(async ({ name }: { name: string }) => name.toUpperCase());
  const upper = perObjectFor(1_000, make);
  const object = { name: "a" };
  expect(await Promise.all([upper(object), upper(object)])).toEqual(["A", "A"]);
  vi.advanceTimersByTime(999);
  await upper(object);
  expect(make).toHaveBeenCalledTimes(1);
  vi.advanceTimersByTime(1);
  await upper(object);
  expect(make).toHaveBeenCalledTimes(2);
  vi.useRealTimers();
});

test("a result that was rejected is made anew", async () => {
  const make = vi.fn(async (_object: object) => "made").mockRejectedValueOnce(new Error("once"));
  const made = perObjectFor(1_000, make);
  const object = {};
  await expect(made(object)).rejects.toThrow("once");
  expect(await made(object)).toBe("made");
});
