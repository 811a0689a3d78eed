import { openEmbeddedStore } from "../../src/store/embedded/open-embedded-store.js";
import { tempDir } from "../support/temp-dir.js";
import { describeTaskStore } from "./task-store.contract.js";

describeTaskStore("an SQLite file", async () => {
  // Hours behind this process's clock: the store goes by its own.
  let nowMs = Date.now() - 5 * 3_600_000;
  const store = await openEmbeddedStore({ directory: await tempDir(), clock: () => nowMs });
  return {
    store,
    rival: store,
    isClockSteady: true,
    advance: async (ms) => {
      nowMs += ms;
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
});
