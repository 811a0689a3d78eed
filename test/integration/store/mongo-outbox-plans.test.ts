import { MongoClient } from "mongodb";
import { expect, test, vi } from "vitest";
import { openMongoStore } from "../../../src/store/mongo/open-mongo-store.js";
import { FIRST_OF_EACH } from "../../../src/store/mongo/outboxes.js";
import { describeWithMongo } from "../../support/mongo.js";

vi.setConfig({ testTimeout: 300_000, hookTimeout: 120_000 });

const WAITING_COUNT = 10_000;

await describeWithMongo("an outbox with 10,000 tasks for a dead receiver", (take) => {
  test("finds the receivers without a look at all that waits for one of them", async () => {
    await using database = await take();
    await using _store = await openMongoStore({ uri: database.uri, database: database.name });
    await using client = new MongoClient(database.uri);
    const outbox = client.db(database.name).collection<{ _id: string }>("webhook_outbox");
    const waiting = Array.from({ length: WAITING_COUNT }, (_each, index) => ({
      ...{ _id: String(index), version: 1, receiver: "dead:443", outbox: "{}" },
      dueAt: new Date(index),
      expiresAt: new Date(index),
    }));
    await outbox.insertMany([
      ...waiting,
      { ...{ _id: "other", version: 1, receiver: "other:443" }, dueAt: new Date(5) },
    ] as never[]);
    const found = await outbox.aggregate(FIRST_OF_EACH, { hint: "due" }).toArray();
    expect(found.map(({ _id }) => _id).sort()).toEqual(["dead:443", "other:443"]);
    const plan = await outbox.aggregate(FIRST_OF_EACH, { hint: "due" }).explain("executionStats");
    const examined = [...JSON.stringify(plan).matchAll(/"totalKeysExamined":(\d+)/g)];
    expect(examined.length).toBeGreaterThan(0);
    for (const [, count] of examined) expect(Number(count)).toBeLessThan(20);
  });
});
