import { vi } from "vitest";
import { openMongoStore } from "../../../../src/store/mongo/open-mongo-store.js";
import { describeWithMongo } from "../../../support/mongo.js";
import { describeRetentionSweeps } from "./retention-sweeper.js";

// The server may be an emulated one, ten times slower.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

await describeWithMongo("MongoDB", (take) => {
  describeRetentionSweeps("a replica set", async () => {
    const database = await take();
    const options = { uri: database.uri, database: database.name };
    const store = await openMongoStore(options);
    const rival = await openMongoStore(options);
    return {
      ...{ store, rival },
      [Symbol.asyncDispose]: async () => {
        await store[Symbol.asyncDispose]();
        await rival[Symbol.asyncDispose]();
        await database[Symbol.asyncDispose]();
      },
    };
  });
});
