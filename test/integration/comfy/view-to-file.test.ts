import { randomBytes, randomUUID } from "node:crypto";
import { writeFileSync } from "node:fs";
import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { startOrigin } from "../../support/http-origin.js";
import { tempDir } from "../../support/temp-dir.js";
import { clientOf, same, signal } from "./support.js";

let server: TestCpuServer;
beforeAll(async () => {
  server = await startCpuServer();
});
beforeEach(() => server.set({ http: null }));
afterAll(() => server[Symbol.asyncDispose]());

const CONTENT = randomBytes(700_000);

/** Puts a file among the server's outputs. */
async function output(content = CONTENT) {
  const file = { filename: `${randomUUID()} ü.mp4`, subfolder: "deep/er", type: "output" };
  const path = join(server.dir, "output", file.subfolder, file.filename);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, content);
  return { file, path };
}

describe("viewToFile()", () => {
  test("fetches an output whole, and tells how far it is", async () => {
    const { file } = await output();
    const dir = await tempDir();
    const seen: [number, number | undefined][] = [];
    const onProgress = (bytes: number, total: number | undefined) => seen.push([bytes, total]);
    const fetched = await clientOf(server.url).viewToFile(
      file,
      join(dir, "out"),
      signal,
      onProgress,
    );
    expect(fetched).toEqual({ sizeBytes: CONTENT.length });
    expect(await readFile(join(dir, "out"))).toSatisfy(same(CONTENT));
    expect(seen.at(-1)).toEqual([CONTENT.length, CONTENT.length]);
    expect(await readdir(dir)).toEqual(["out"]);
  });

  test("fetches an empty output", async () => {
    const { file } = await output(Buffer.alloc(0));
    const path = join(await tempDir(), "out");
    expect(await clientOf(server.url).viewToFile(file, path, signal)).toEqual({ sizeBytes: 0 });
    expect(await readFile(path)).toSatisfy(same(Buffer.alloc(0)));
  });

  test("answers undefined for an output that the server does not have, and leaves nothing", async () => {
    const dir = await tempDir();
    const file = { filename: "none.png", subfolder: "", type: "output" };
    expect(await clientOf(server.url).viewToFile(file, join(dir, "out"), signal)).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
  });

  test("goes on after every cut where it stopped", async () => {
    const { file } = await output();
    const path = join(await tempDir(), "out");
    const cut = { path: "/view", fault: "truncate", bytes: 300_000, count: 2 } as const;
    await server.set({ http: [cut] });
    const seen: number[] = [];
    await clientOf(server.url).viewToFile(file, path, signal, (bytes) => seen.push(bytes));
    expect(await readFile(path)).toSatisfy(same(CONTENT));
    expect(seen).toEqual([...seen].sort((a, b) => a - b));
  });

  test("begins again when the output has changed since the cut", async () => {
    const { file, path: source } = await output();
    const path = join(await tempDir(), "out");
    await server.set({ http: [{ path: "/view", fault: "truncate", bytes: 300_000, count: 1 }] });
    const other = randomBytes(500_000);
    let isChanged = false;
    await clientOf(server.url).viewToFile(file, path, signal, (bytes) => {
      if (bytes > 200_000 && !isChanged) writeFileSync(source, other);
      isChanged ||= bytes > 200_000;
    });
    expect(await readFile(path)).toSatisfy(same(other));
  });

  test("gives up after so many cuts, and leaves nothing", async () => {
    const { file } = await output();
    const dir = await tempDir();
    await server.set({ http: [{ path: "/view", fault: "truncate", bytes: 10 }] });
    const fetching = clientOf(server.url, { resumeCount: 2 }).viewToFile(
      file,
      join(dir, "out"),
      signal,
    );
    await expect(fetching).rejects.toMatchObject({ code: "SERVER_UNREACHABLE" });
    expect(await readdir(dir)).toEqual([]);
  });

  test("does not ask again where the answer is final", async () => {
    const { file } = await output();
    const path = join(await tempDir(), "out");
    await server.set({ http: [{ path: "/view", fault: "answer", status: 500, count: 1 }] });
    const fetching = clientOf(server.url).viewToFile(file, path, signal);
    await expect(fetching).rejects.toThrow(
      /^Cannot fetch output ".* ü\.mp4" from server ".*": answered 500$/,
    );
  });

  test("begins again where the server ignores ranges", async () => {
    let count = 0;
    const origin = await startOrigin((_, response) => {
      count += 1;
      response.writeHead(200, { "content-length": CONTENT.length, etag: '"a"' });
      if (count === 1) response.write(CONTENT.subarray(0, 100_000), () => response.destroy());
      else response.end(CONTENT);
    });
    const path = join(await tempDir(), "out");
    const file = { filename: "a.png", subfolder: "", type: "output" };
    await clientOf(origin.url).viewToFile(file, path, signal);
    expect(await readFile(path)).toSatisfy(same(CONTENT));
    expect(origin.requests[1]?.headers).toMatchObject({ "if-match": '"a"', range: /^bytes=\d+-$/ });
  });

  test("refuses a range that begins elsewhere", async () => {
    const origin = await startOrigin((request, response) => {
      const isResumed = request.headers.range !== undefined;
      const range = { "content-range": `bytes 5-${CONTENT.length - 1}/${CONTENT.length}` };
      response.writeHead(isResumed ? 206 : 200, {
        "content-length": CONTENT.length - (isResumed ? 5 : 0),
        etag: '"a"',
        ...(isResumed && range),
      });
      response.write(CONTENT.subarray(5, 90_000), () => response.destroy());
    });
    const path = join(await tempDir(), "out");
    const file = { filename: "a.png", subfolder: "", type: "output" };
    const fetching = clientOf(origin.url, { resumeCount: 1 }).viewToFile(file, path, signal);
    await expect(fetching).rejects.toThrow("keeps changing");
  });

  test("stops at once when aborted, and leaves nothing", async () => {
    const { file } = await output();
    const dir = await tempDir();
    await server.set({ http: [{ path: "/view", fault: "throttle", bytesPerSecond: 50_000 }] });
    const controller = new AbortController();
    const reason = new Error("enough");
    const onProgress = () => controller.abort(reason);
    const path = join(dir, "out");
    const fetching = clientOf(server.url).viewToFile(file, path, controller.signal, onProgress);
    await expect(fetching).rejects.toBe(reason);
    expect(await readdir(dir)).toEqual([]);
  });

  // A peer that closes while the reader is paused ended the whole process with other versions of undici.
  test("survives cuts while the disk is slower than the line", async () => {
    const { file } = await output();
    const dir = await tempDir();
    await server.set({ http: [{ path: "/view", fault: "truncate", bytes: 690_000 }] });
    const comfy = clientOf(server.url, { resumeCount: 0 });
    const block = () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    for (let count = 0; count < 10; count++) {
      const fetching = comfy.viewToFile(file, join(dir, "out"), signal, block);
      await expect(fetching).rejects.toThrow("connection lost");
    }
  });
});

describe("headView()", () => {
  test("tells the size of an output", async () => {
    const headers = { "content-length": 12_345 };
    const origin = await startOrigin((_, response) => response.writeHead(200, headers).end());
    const file = { filename: "a.png", subfolder: "", type: "output" };
    expect(await clientOf(origin.url).headView(file, signal)).toEqual({ sizeBytes: 12_345 });
  });

  test("tells whether an output is there", async () => {
    const { file } = await output();
    const comfy = clientOf(server.url);
    expect(await comfy.headView(file, signal)).toBeDefined();
    expect(await comfy.headView({ ...file, filename: "none.png" }, signal)).toBeUndefined();
  });

  test("does not take trouble for absence", async () => {
    const { file } = await output();
    await server.set({ http: [{ path: "/view", fault: "answer", status: 500 }] });
    await expect(clientOf(server.url).headView(file, signal)).rejects.toThrow("answered 500");
  });
});
