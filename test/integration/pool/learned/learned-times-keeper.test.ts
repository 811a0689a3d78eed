import { expect, onTestFinished, test } from "vitest";
import { createLogger } from "../../../../src/lib/logger.js";
import { LearnedTimes, type TimedRun } from "../../../../src/pool/learned/learned-times.js";
import {
  type LearnedTimeBook,
  LearnedTimesKeeper,
} from "../../../../src/pool/learned/learned-times-keeper.js";
import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import { eventually } from "../../../support/eventually.js";
import { tempDir } from "../../../support/temp-dir.js";

const PROMPT = { kind: "k", framePixels: 1_000 };
const RUN: TimedRun = { prompt: PROMPT, serverClass: "gpu", warmth: "warm" };
const NEVER = 3_600_000;

async function aStore() {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

function keep(learned: LearnedTimes, book: LearnedTimeBook, saveMs = 5): LearnedTimesKeeper {
  return new LearnedTimesKeeper({ learned, book, logger: createLogger("silent"), saveMs });
}

/** A store that fails so many calls of each kind. */
function failing(book: LearnedTimeBook, count: number): LearnedTimeBook {
  const left = { load: count, save: count };
  const fail = (call: "load" | "save"): void => {
    left[call] -= 1;
    if (left[call] >= 0) throw new Error("out of reach");
  };
  return {
    loadTimes: async () => {
      fail("load");
      return await book.loadTimes();
    },
    saveTimes: async (times) => {
      fail("save");
      await book.saveTimes(times);
    },
  };
}

test("what is learned is saved, at the end for the last time, and loaded by the next", async () => {
  const store = await aStore();
  const [first, second] = [new LearnedTimes(), new LearnedTimes()];
  {
    await using _ = keep(first, store);
    first.noteRun(RUN, 400);
    await eventually(async () => (await store.loadTimes()).length === 1);
  }
  {
    await using _ = keep(first, store, NEVER);
    first.noteSilence(RUN, "1", 70);
  }
  await using _ = keep(second, store);
  await eventually(() => second.predictMs(PROMPT, "gpu") === 400);
  expect(second.longestSilenceMs(RUN, "1")).toBe(70);
});

test("a store that is out of reach for a while loses nothing", async () => {
  const store = await aStore();
  const learned = new LearnedTimes();
  await store.saveTimes([{ series: "other", sizeLog2: 1, longestMs: 5 }]);
  await using _ = keep(learned, failing(store, 1));
  learned.noteRun(RUN, 400);
  await eventually(async () => (await store.loadTimes()).length === 2);
});

test("a store that does not answer keeps nobody from stopping", async () => {
  const silent = new Promise<never>(() => undefined);
  const learned = new LearnedTimes();
  const keeper = keep(learned, { loadTimes: () => silent, saveTimes: () => silent });
  learned.noteRun(RUN, 400);
  await keeper[Symbol.asyncDispose]();
});

test("a store that never ends a saving keeps nobody from stopping", async () => {
  const learned = new LearnedTimes();
  let saveCount = 0;
  const saveTimes = (): Promise<never> => {
    saveCount += 1;
    return new Promise(() => undefined);
  };
  const keeper = keep(learned, { loadTimes: async () => [], saveTimes });
  learned.noteRun(RUN, 400);
  await eventually(() => saveCount === 1);
  await keeper[Symbol.asyncDispose]();
  expect(saveCount).toBe(2);
});
