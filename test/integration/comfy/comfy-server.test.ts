import { randomUUID } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { isRefused } from "../../../src/comfy/comfy-errors.js";
import { CapabilityReader } from "../../../src/comfy/server-capability.js";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { startOrigin } from "../../support/http-origin.js";
import { tempDir } from "../../support/temp-dir.js";
import { clientOf, quickPrompt, same, signal } from "./support.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer({ maxUploadMib: 2 });
});
beforeEach(() => server.set({ http: null, newer: null, extraFields: null }));
afterAll(() => server[Symbol.asyncDispose]());

describe("what a server says of itself", () => {
  test("is read, unknown fields or not", async () => {
    const comfy = clientOf(server.url);
    for (const extraFields of [false, true]) {
      await server.set({ extraFields });
      expect((await comfy.systemStats(signal)).devices[0]?.type).toBe("cpu");
      expect(await comfy.features(signal)).toEqual({ maxUploadBytes: 2 * 1024 * 1024 });
      expect(await comfy.queue(signal)).toEqual({ running: [], pending: [] });
      expect(await comfy.queueRemaining(signal)).toBe(0);
      expect(await comfy.models("upscale_models", signal)).toContain("anime4k-cnn-x2");
      expect(await comfy.models("nothing", signal)).toEqual([]);
      expect((await comfy.objectInfo("LoadImage", signal))?.input.required).toHaveProperty("image");
      expect(await comfy.objectInfo("NoSuchNode", signal)).toBeUndefined();
      expect(await comfy.history(randomUUID(), signal)).toBeUndefined();
    }
  });

  test("a class is asked for once, until forgotten", async () => {
    const comfy = clientOf(server.url);
    const reader = new CapabilityReader(comfy);
    const { classes } = await reader.read(["LoadImage", "NoSuchNode", "LoadImage"], signal);
    expect([...classes.keys()]).toEqual(["LoadImage"]);
    await server.set({ http: [{ path: "/object_info*", fault: "answer", status: 500 }] });
    expect((await reader.read(["LoadImage"], signal)).classes.size).toBe(1);
    reader.forget();
    await expect(reader.read(["LoadImage"], signal)).rejects.toThrow("answered 500");
  });
});

describe("a failing call", () => {
  test.each([
    ["a status", { fault: "answer", status: 500 }, "SERVER_FAULT", "answered 500"],
    ["a gateway's status", { fault: "answer", status: 502 }, "SERVER_UNREACHABLE", "answered 502"],
    ["a page", { fault: "answer", status: 200, body: "<html>" }, "SERVER_FAULT", "not that of"],
    ["other JSON", { fault: "answer", status: 200, body: "{}" }, "SERVER_FAULT", "not that of"],
    ["silence", { fault: "black-hole" }, "SERVER_UNREACHABLE", "no answer within 0.3 s"],
    ["a cut", { fault: "cut" }, "SERVER_UNREACHABLE", "connection lost"],
    ["half an answer", { fault: "truncate", bytes: 5 }, "SERVER_UNREACHABLE", "connection lost"],
  ] as const)("by %s says what was asked and what came", async (_, fault, code, reason) => {
    const comfy = clientOf(server.url, { requestMs: 300 });
    await server.set({ http: [{ path: "/queue", ...fault }] });
    const error = await comfy.queue(signal).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(`Cannot read the queue of server "${server.url}": `);
    expect(String(error)).toContain(reason);
    expect(isRefused(error)).toBe(false);
  });

  test("goes through as the caller's own abort", async () => {
    const comfy = clientOf(server.url);
    await server.set({ http: [{ path: "/queue", fault: "black-hole" }] });
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = comfy.queue(controller.signal);
    controller.abort(reason);
    await expect(call).rejects.toBe(reason);
    await expect(comfy.queue(controller.signal)).rejects.toBe(reason);
  });

  test("by a refused connection tells so, and counts as a sign of a restart", async () => {
    await using gone = await startCpuServer();
    const comfy = clientOf(gone.url);
    const reader = new CapabilityReader(comfy);
    expect(await reader.probe(signal)).toMatchObject({ ok: true, restarted: false });
    await gone.kill();
    expect(await reader.probe(signal)).toMatchObject({ ok: false, isRefused: true });
    await gone.restart();
    expect(await reader.probe(signal)).toMatchObject({
      ok: true,
      restarted: true,
      queueRemaining: 0,
    });
    expect(await reader.probe(signal)).toMatchObject({ ok: true, restarted: false });
  });
});

test("a restart between two submissions shows in the number going back", async () => {
  await using other = await startCpuServer();
  const comfy = clientOf(other.url);
  const send = async () => {
    const { prompt, promptId } = await quickPrompt(comfy);
    await comfy.submit(prompt, promptId, "client", {}, signal);
  };
  await send();
  await send();
  expect(comfy.restartSignCount).toBe(0);
  await other.restart();
  await send();
  expect(comfy.restartSignCount).toBe(1);
});

test("a restart that was seen already is not seen again in the number going back", async () => {
  await using other = await startCpuServer();
  const comfy = clientOf(other.url);
  const send = async () => {
    const { prompt, promptId } = await quickPrompt(comfy);
    await comfy.submit(prompt, promptId, "client", {}, signal);
  };
  await send();
  await other.kill();
  await expect(comfy.queueRemaining(signal)).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
  expect(comfy.restartSignCount).toBe(1);
  await other.restart();
  await send();
  await send();
  expect(comfy.restartSignCount).toBe(1);
  await other.restart();
  await send();
  expect(comfy.restartSignCount).toBe(2);
});

test("prefix, credentials, headers and query of a gateway go with every call and the socket", async () => {
  const origin = await startOrigin((_, response) => response.writeHead(404).end());
  const url = `${origin.url.replace("//", "//user:pass@")}/gpu1/?token=t`;
  const comfy = clientOf(url, {}, { headers: { "X-Key": "k" } });
  expect(comfy.address).toBe(`${origin.url}/gpu1`);
  const failure = await comfy.queue(signal).catch((thrown: unknown) => String(thrown));
  expect(failure).toContain(`server "${origin.url}/gpu1": answered 404`);
  await comfy.events.clientId(signal);
  expect([...new Set(origin.requests.map(({ path }) => path))]).toEqual([
    "/gpu1/queue?token=t",
    expect.stringMatching(/^\/gpu1\/ws\?token=t&clientId=[-0-9a-f]{36}$/),
  ]);
  for (const { headers } of origin.requests) {
    expect(headers).toMatchObject({
      "x-key": "k",
      authorization: expect.stringMatching(/^Basic /),
    });
    expect(headers).not.toHaveProperty("origin");
  }
});

describe("uploadInput()", () => {
  const put = async (sizeBytes: number, fileName = `${randomUUID()}.bin`) => {
    const path = join(await tempDir(), "in");
    await writeFile(path, Buffer.alloc(sizeBytes, 7));
    return { path, place: { subfolder: "up/a", fileName, sizeBytes } };
  };

  test("stores the bytes under the name that it returns, and tells how far it is", async () => {
    const { path, place } = await put(1_500_000);
    const seen: number[] = [];
    const name = await clientOf(server.url).uploadInput(path, place, signal, (bytes) =>
      seen.push(bytes),
    );
    expect(name).toBe(`up/a/${place.fileName}`);
    expect(await readFile(join(server.dir, "input", name))).toSatisfy(same(await readFile(path)));
    expect(seen.at(-1)).toBe(1_500_000);
  });

  test("replaces a file of the same name", async () => {
    const comfy = clientOf(server.url);
    const [first, second] = [await put(10, "same.bin"), await put(20, "same.bin")];
    expect(await comfy.uploadInput(first.path, first.place, signal)).toBe("up/a/same.bin");
    expect(await comfy.uploadInput(second.path, second.place, signal)).toBe("up/a/same.bin");
    expect((await readFile(join(server.dir, "input/up/a/same.bin"))).length).toBe(20);
  });

  test("sends an empty file and one into no subfolder", async () => {
    const { path, place } = await put(0);
    const name = await clientOf(server.url).uploadInput(path, { ...place, subfolder: "" }, signal);
    expect(name).toBe(place.fileName);
  });

  test("refuses what the server would not take, saying what to change", async () => {
    const { path, place } = await put(2_200_000);
    const upload = clientOf(server.url).uploadInput(path, place, signal);
    await expect(upload).rejects.toThrow(
      /2\.1 MB are too large, it takes at most 2\.0 MB; .*--max-upload-size/,
    );
    await expect(upload).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  });

  test("explains a 413 of a server that does not tell its limit", async () => {
    const { path, place } = await put(2_200_000);
    await server.set({
      http: [
        { path: "/features", fault: "answer", status: 404 },
        { path: "/upload/image", fault: "answer", status: 413 },
      ],
    });
    const upload = clientOf(server.url).uploadInput(path, place, signal);
    await expect(upload).rejects.toMatchObject({ code: "INPUT_TOO_LARGE" });
  });

  test("gives up on a server that stops reading", async () => {
    const { path, place } = await put(2_000_000);
    await server.set({ http: [{ path: "/upload/image", fault: "black-hole" }] });
    const upload = clientOf(server.url, { transferIdleMs: 300 }).uploadInput(path, place, signal);
    await expect(upload).rejects.toThrow("no answer within 0.3 s");
  });

  test.each(['a"b.png', "a\\b.png", "ä.png", "a\nb.png", ""])(
    "refuses the name %j as a bug",
    async (fileName) => {
      const { path, place } = await put(1);
      const upload = clientOf(server.url).uploadInput(path, { ...place, fileName }, signal);
      await expect(upload).rejects.toThrow(TypeError);
    },
  );

  test("lets a file that is not there through as a bug", async () => {
    const { place } = await put(1);
    const upload = clientOf(server.url).uploadInput("/nowhere/at/all", place, signal);
    await expect(upload).rejects.toMatchObject({ code: "ENOENT" });
  });
});

describe("free(), deleteHistory(), interrupt() and deleteFromQueue()", () => {
  test("are harmless for what is not there", async () => {
    const comfy = clientOf(server.url);
    await comfy.free(signal);
    await comfy.deleteHistory(randomUUID(), signal);
    await comfy.interrupt(randomUUID(), signal);
    await comfy.deleteFromQueue(randomUUID(), signal);
  });

  test("say so when the server does not do it", async () => {
    await server.set({ http: [{ path: "/free", fault: "answer", status: 500 }] });
    const free = clientOf(server.url).free(signal);
    await expect(free).rejects.toThrow(/^Cannot free the memory of server ".*": answered 500$/);
  });
});

test("cancelJob() asks for the jobs API once, and again after a restart", async () => {
  const comfy = clientOf(server.url);
  expect(await comfy.cancelJob(randomUUID(), signal)).toBeUndefined();
  await server.set({ newer: true });
  expect(await comfy.cancelJob(randomUUID(), signal)).toBeUndefined();
  expect(await clientOf(server.url).cancelJob(randomUUID(), signal)).toBe(false);
});
