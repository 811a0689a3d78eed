import { openEmbeddedStore } from "../../../../src/store/embedded/open-embedded-store.js";
import { tempDir } from "../../../support/temp-dir.js";
import { describeRetentionSweeps } from "./retention-sweeper.js";

describeRetentionSweeps("an SQLite file", async () => {
  const store = await openEmbeddedStore({ directory: await tempDir() });
  return { store, rival: store, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
});
