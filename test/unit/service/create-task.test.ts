import { describe, expect, test } from "vitest";
import { type CreateTask, idempotencyOf } from "../../../src/service/create-task.js";

const KEY = { idempotencyKey: "key-1" };
const PLAIN: CreateTask = { ...KEY, params: { url: "https://example.com/a.png" } };
const FULL: CreateTask = {
  ...KEY,
  params: {
    url: "upload://00112233445566778899aabbccddeeff/%C3%BC.png",
    type: "image",
    workflow: "seedvr2_image_2048",
    model: "realesrgan",
    outscale: 2,
    outputMagnification: "4x",
    resolution: "2k",
    target: 0.5,
  },
  parameters: { seed: 7, prompt: "größer 🚀", nested: { b: [1, null, true], a: "" } },
  priority: 2,
  notBefore: new Date("2099-01-01T00:00:00.250Z"),
};

/** What requests hash to in every store that there is: a key of before replays only as long as they do. */
const HASHES: readonly (readonly [string, CreateTask, string])[] = [
  ["nothing but a URL", PLAIN, "1d9e0d4aedb53aa7fd5ce9f0d8d20602e376cc3c90c5fbaa356412e2b0c4c5e4"],
  ["everything", FULL, "47c4d209ebab4863c365ea7f5a72b1fd395ae73eca38dab3f525b2acf709b368"],
  [
    "no parameters and the lowest priority",
    { ...PLAIN, parameters: {}, priority: 0 },
    "bf796d2de23869ef49e4f05d5aab6c0d926090ed9d1dff2a6664ba2cf60df038",
  ],
  [
    "a video for later",
    { ...KEY, params: { url: "https://example.com/a.mp4", type: "video" }, notBefore: new Date(0) },
    "ab38082e6fe6c21cad547e47a7169335d38ddc3b158a3ff4db8e28d9bf4e1766",
  ],
];

describe("the hash of a request", () => {
  test.each(HASHES)("with %s stays what it was", (_, request, hash) => {
    expect(idempotencyOf(request)).toEqual({ key: "key-1", requestHash: hash });
  });

  test("does not tell what was left out from its default, nor the order of keys", () => {
    const given = { parameters: {}, priority: 1, params: PLAIN.params, ...KEY };
    expect(idempotencyOf(given)).toEqual(idempotencyOf(PLAIN));
    const { url, ...params } = FULL.params;
    expect(idempotencyOf({ ...FULL, params: { ...params, url } })).toEqual(idempotencyOf(FULL));
  });

  test("takes a field that a later version adds in only when it was given", () => {
    const ask = (added: { readonly later?: string; readonly params?: object }) => {
      const params = { ...PLAIN.params, ...added.params };
      const request: CreateTask & { readonly later?: string } = { ...PLAIN, ...added, params };
      return idempotencyOf(request)?.requestHash;
    };
    const before = idempotencyOf(PLAIN)?.requestHash;
    expect([ask({}), ask({ params: { later: undefined } })]).toEqual([before, before]);
    const given = [ask({ later: "a" }), ask({ later: "b" }), ask({ params: { later: "a" } })];
    expect(new Set([before, ...given]).size).toBe(4);
  });
});
