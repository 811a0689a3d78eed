import { describe, expect, test } from "vitest";
import { isRefused, isUnsent, networkError, statusError } from "../../../src/comfy/comfy-errors.js";
import { TaskError } from "../../../src/domain/errors.js";
import { LimitExceeded } from "../../../src/lib/deadline.js";

const attempted = { action: "read the queue of", address: "http://gpu1:8188" };

function failure(code: string, syscall?: string): Error {
  return Object.assign(new Error("failed"), { code, syscall });
}

describe("networkError()", () => {
  test.each([
    [failure("ECONNREFUSED", "connect"), "SERVER_UNREACHABLE", "connection refused"],
    [failure("ECONNRESET"), "SERVER_UNREACHABLE", "connection lost"],
    [failure("UND_ERR_SOCKET"), "SERVER_UNREACHABLE", "connection lost"],
    [failure("ENOTFOUND", "getaddrinfo"), "SERVER_UNREACHABLE", "its name cannot be resolved"],
    [failure("CERT_HAS_EXPIRED"), "SERVER_UNREACHABLE", "TLS failed with CERT_HAS_EXPIRED"],
    [failure("HPE_INVALID_CONSTANT"), "SERVER_FAULT", "its answer is not HTTP"],
    [new LimitExceeded(15_000), "SERVER_UNREACHABLE", "no answer within 15 s"],
  ])("translates %s", (thrown, code, reason) => {
    const error = networkError(attempted, thrown);
    expect(error.code).toBe(code);
    expect(error.message).toBe(`Cannot read the queue of server "http://gpu1:8188": ${reason}`);
    expect(error.cause).toBe(thrown);
  });

  test("hands a TaskError through", () => {
    const error = new TaskError("DISK_FULL", "full");
    expect(networkError(attempted, error)).toBe(error);
  });

  test("throws on what no network does", () => {
    expect(() => networkError(attempted, new RangeError("bug"))).toThrow(RangeError);
    expect(() => networkError(attempted, failure("ENOENT", "open"))).toThrow("failed");
  });
});

describe("statusError()", () => {
  test.each([
    [500, "SERVER_FAULT", "answered 500"],
    [401, "SERVER_FAULT", "answered 401: check the credentials configured for it"],
    [404, "SERVER_FAULT", "answered 404: check its URL"],
    [502, "SERVER_UNREACHABLE", "answered 502"],
  ])("says what %i means", (statusCode, code, reason) => {
    const error = statusError(attempted, statusCode);
    expect(error.code).toBe(code);
    expect(error.message).toContain(reason);
  });
});

describe("isRefused()", () => {
  test("sees a refusal behind a TaskError", () => {
    const refused = networkError(attempted, failure("ECONNREFUSED", "connect"));
    expect(isRefused(refused)).toBe(true);
  });

  test("sees it where every address of a name refused, and only there", () => {
    const [refused, silent] = [failure("ECONNREFUSED"), failure("ETIMEDOUT")];
    expect(isRefused(new AggregateError([refused, refused]))).toBe(true);
    expect(isRefused(new AggregateError([refused, silent]))).toBe(false);
  });

  test.each(["ECONNRESET", "ETIMEDOUT", "EHOSTUNREACH"])("does not take %s for one", (code) => {
    expect(isRefused(failure(code))).toBe(false);
  });

  test("does not take a gateway's 502 for one", () => {
    expect(isRefused(statusError(attempted, 502))).toBe(false);
  });
});

describe("isUnsent()", () => {
  test.each([
    [failure("ECONNREFUSED", "connect"), true],
    [failure("EAI_AGAIN", "getaddrinfo"), true],
    [failure("UND_ERR_CONNECT_TIMEOUT"), true],
    [failure("ECONNRESET", "read"), false],
    [failure("UND_ERR_SOCKET"), false],
    [new LimitExceeded(1), false],
  ])("of %s is %s", (thrown, expected) => {
    expect(isUnsent(networkError(attempted, thrown))).toBe(expected);
  });
});
