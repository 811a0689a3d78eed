import {
  MongoBulkWriteError,
  MongoInvalidArgumentError,
  MongoNetworkError,
  MongoServerError,
  MongoServerSelectionError,
  MongoTopologyClosedError,
} from "mongodb";
import { describe, expect, test } from "vitest";
import { TaskError } from "../../../../src/domain/errors.js";
import {
  isDuplicateKey,
  translateError,
  VersionConflict,
} from "../../../../src/store/mongo/errors.js";

const answer = (code: number, errorLabels: string[] = []) =>
  new MongoServerError({ errmsg: "An answer", code, errorLabels });

const unacknowledged = { code: 64, errmsg: "waiting for replication timed out" };

describe("translateError()", () => {
  test.each([
    ["a broken connection", new MongoNetworkError("cut")],
    ["no primary", new MongoServerSelectionError("none", {} as never)],
    ["a closed client", new MongoTopologyClosedError("closed")],
    ["a member that stepped down", answer(189)],
    ["a login that is refused", answer(18)],
    ["what the driver would try again", answer(0, ["RetryableWriteError"])],
    [
      "several writes that no majority has",
      // The driver puts no code on the error itself.
      new MongoBulkWriteError(
        { message: "unacknowledged" } as never,
        {
          getWriteConcernError: () => unacknowledged,
        } as never,
      ),
    ],
    [
      "several writes that were cut off",
      new MongoBulkWriteError(
        new MongoNetworkError("cut") as never,
        { getWriteConcernError: () => undefined } as never,
      ),
    ],
    ["endless contention", new VersionConflict()],
  ])("makes STORE_UNAVAILABLE of %s, with when to come again", (_case, error) => {
    const translated = translateError(error);
    expect(translated).toMatchObject({ code: "STORE_UNAVAILABLE", cause: error });
    expect((translated as TaskError).retryAfterMs).toBeGreaterThan(0);
  });

  test("makes DISK_FULL of a full disk", () => {
    expect(translateError(answer(14031))).toMatchObject({ code: "DISK_FULL" });
  });

  test.each([
    ["an answer to a faulty command", answer(2)],
    ["a document that was refused", answer(121)],
    ["a faulty call of the driver", new MongoInvalidArgumentError("wrong")],
    ["a bug", new TypeError("x is not a function")],
    ["an error of ours", new TaskError("INVALID_REQUEST", "No")],
  ])("leaves %s as it is", (_case, error) => {
    expect(translateError(error)).toBe(error);
  });
});

test("isDuplicateKey() knows the answer of a unique index", () => {
  expect(isDuplicateKey(answer(11000))).toBe(true);
  expect(isDuplicateKey(answer(112))).toBe(false);
  expect(isDuplicateKey(new Error("E11000"))).toBe(false);
});
