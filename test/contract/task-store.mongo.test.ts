import { setTimeout as sleep } from "node:timers/promises";
import { vi } from "vitest";
import { openMongoStore } from "../../src/store/mongo/open-mongo-store.js";
import { describeWithMongo } from "../support/mongo.js";
import { describeTaskStore } from "./task-store.contract.js";

// The server may be an emulated one, ten times slower.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

await describeWithMongo("MongoDB", (take) => {
  describeTaskStore(
    "a replica set",
    async () => {
      const database = await take();
      const options = { uri: database.uri, database: database.name };
      const store = await openMongoStore(options);
      const rival = await openMongoStore(options);
      return {
        ...{ store, rival, isClockSteady: false },
        advance: async (ms) => await sleep(ms),
        [Symbol.asyncDispose]: async () => {
          await store[Symbol.asyncDispose]();
          await rival[Symbol.asyncDispose]();
          await database[Symbol.asyncDispose]();
        },
      };
    },
    { modelRunCount: 6 },
  );
});
