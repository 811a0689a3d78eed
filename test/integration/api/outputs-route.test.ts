import { randomBytes } from "node:crypto";
import { mkdir, symlink, utimes, writeFile } from "node:fs/promises";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { eventually } from "../../support/eventually.js";
import { type LocalOutputs, serveLocalOutputs } from "../../support/local-outputs.js";

const TASK_ID = "f692edeb41cb4a3eaebd2db0044c0778";
const CONTENT = randomBytes(10_000);

async function serve(fileName = "result.png", content = CONTENT): Promise<LocalOutputs> {
  const outputs = await serveLocalOutputs();
  const directory = join(outputs.directory, "outputs", TASK_ID);
  await mkdir(directory, { recursive: true });
  await writeFile(join(directory, fileName), content);
  return outputs;
}

function urlOf({ url }: LocalOutputs, fileName = "result.png"): string {
  return `${url}/outputs/${TASK_ID}/${encodeURIComponent(fileName)}`;
}

async function get(outputs: LocalOutputs, headers: Record<string, string> = {}, method = "GET") {
  const response = await fetch(urlOf(outputs), { method, headers });
  const body = Buffer.from(await response.arrayBuffer());
  return { status: response.status, headers: response.headers, body };
}

/** Sends a path as it is, which `fetch` would tidy first. */
async function getRaw(outputs: LocalOutputs, path: string): Promise<number | undefined> {
  const { port } = new URL(outputs.url);
  return await new Promise((resolve, reject) => {
    httpRequest({ host: "127.0.0.1", port, path }, (response) => {
      response.resume().on("end", () => resolve(response.statusCode));
    })
      .on("error", reject)
      .end();
  });
}

describe("GET /outputs/{task_id}/{file}", () => {
  it("sends the file with all that a browser and a client need", async () => {
    const { status, headers, body } = await get(await serve());
    expect(status).toBe(200);
    expect(CONTENT.equals(body)).toBe(true);
    expect(Object.fromEntries(headers)).toMatchObject({
      "content-type": "image/png",
      "content-length": "10000",
      "accept-ranges": "bytes",
      "x-content-type-options": "nosniff",
      "content-disposition": "inline; filename=result.png",
      etag: expect.stringMatching(/^"[^"]+"$/),
      "last-modified": expect.stringMatching(/GMT$/),
    });
  });

  it.each([
    ["a.jpg", "image/jpeg"],
    ["a.WEBP", "image/webp"],
    ["a.mp4", "video/mp4"],
    ["a.webm", "video/webm"],
    ["a.html", "application/octet-stream"],
    ["a.svg", "application/octet-stream"],
    ["a", "application/octet-stream"],
  ])("sends %s as %s", async (fileName, mediaType) => {
    const response = await fetch(urlOf(await serve(fileName), fileName));
    await response.arrayBuffer();
    expect(response.headers.get("content-type")).toBe(mediaType);
  });

  it("names a file in any script", async () => {
    const fileName = `照片 'a' (1) ${"长".repeat(30)}.png`;
    const response = await fetch(urlOf(await serve(fileName), fileName));
    await response.arrayBuffer();
    expect(response.status).toBe(200);
    const [ascii, encoded] =
      response.headers.get("content-disposition")?.split("; ").slice(1) ?? [];
    expect(ascii).toBe(`filename="__ 'a' (1) ${"_".repeat(30)}.png"`);
    expect(decodeURIComponent(encoded ?? "")).toBe(`filename*=UTF-8''${fileName}`);
    expect(encoded).toMatch(/^filename\*=UTF-8''[\w.%~-]+$/);
  });

  it.each([
    ["bytes=0-0", 0, 0],
    ["bytes=0-499", 0, 499],
    ["bytes=9500-", 9_500, 9_999],
    ["bytes=-500", 9_500, 9_999],
    ["bytes=-20000", 0, 9_999],
    ["bytes=9000-99999999999999999999", 9_000, 9_999],
    ["Bytes=1-2", 1, 2],
  ])("sends the range %s", async (range, first, last) => {
    const { status, headers, body } = await get(await serve(), { range });
    expect(status).toBe(206);
    expect(headers.get("content-range")).toBe(`bytes ${first}-${last}/10000`);
    expect(headers.get("content-length")).toBe(String(last - first + 1));
    expect(CONTENT.subarray(first, last + 1).equals(body)).toBe(true);
  });

  it.each(["bytes=10000-", "bytes=99999-100000", "bytes=-0"])(
    "answers 416 to %s, which no byte is in",
    async (range) => {
      const { status, headers, body } = await get(await serve(), { range });
      expect(status).toBe(416);
      expect(headers.get("content-range")).toBe("bytes */10000");
      expect(headers.get("content-type")).toBe("application/problem+json");
      expect(JSON.parse(String(body))).toMatchObject({ code: "RANGE_NOT_SATISFIABLE" });
    },
  );

  it.each(["bytes=0-1,5-6", "bytes=5-2", "bytes=-", "bytes=a-b", "lines=0-1", "0-1"])(
    "sends everything for the range %j, which it does not serve",
    async (range) => {
      const { status, body } = await get(await serve(), { range });
      expect(status).toBe(200);
      expect(body).toHaveLength(10_000);
    },
  );

  it("answers 304 to a client that has the file, by ETag and by date", async () => {
    const outputs = await serve();
    const { headers } = await get(outputs);
    const etag = headers.get("etag") ?? "";
    const date = headers.get("last-modified") ?? "";
    for (const condition of [etag, `W/${etag}`, `"other", ${etag}`, "*"]) {
      const { status, body } = await get(outputs, { "if-none-match": condition });
      expect([status, body.length]).toEqual([304, 0]);
    }
    expect((await get(outputs, { "if-none-match": '"other"' })).status).toBe(200);
    expect((await get(outputs, { "if-modified-since": date })).status).toBe(304);
    const fromPage = { "if-none-match": etag, "cache-control": "no-cache" };
    expect((await get(outputs, fromPage)).status).toBe(304);
    const both = { "if-none-match": '"other"', "if-modified-since": date };
    expect((await get(outputs, both)).status).toBe(200);
  });

  it("sends a range only of the version that If-Range names", async () => {
    const outputs = await serve();
    const { headers } = await get(outputs);
    const statusFor = async (condition: string) =>
      (await get(outputs, { range: "bytes=0-9", "if-range": condition })).status;
    await expect(statusFor(headers.get("etag") ?? "")).resolves.toBe(206);
    await expect(statusFor(headers.get("last-modified") ?? "")).resolves.toBe(206);
    await expect(statusFor('"other"')).resolves.toBe(200);
    await expect(statusFor("Mon, 01 Jan 2001 00:00:00 GMT")).resolves.toBe(200);
  });

  it("has another ETag for other content of the same size", async () => {
    const outputs = await serve();
    const before = (await get(outputs)).headers.get("etag");
    const path = join(outputs.directory, "outputs", TASK_ID, "result.png");
    await writeFile(path, randomBytes(10_000));
    await utimes(path, new Date(), new Date(Date.now() + 5));
    expect((await get(outputs)).headers.get("etag")).not.toBe(before);
  });

  it("answers HEAD with the headers alone", async () => {
    const outputs = await serve();
    const { status, headers, body } = await get(outputs, { range: "bytes=0-9" }, "HEAD");
    expect([status, body.length]).toEqual([200, 0]);
    expect(headers.get("content-length")).toBe("10000");
    expect(headers.get("content-type")).toBe("image/png");
  });

  it("sends an empty file", async () => {
    const { status, headers, body } = await get(await serve("result.png", Buffer.alloc(0)));
    expect([status, body.length]).toEqual([200, 0]);
    expect(headers.get("content-length")).toBe("0");
  });

  it("answers 404 to whatever is no stored result", async () => {
    const outputs = await serve();
    const secret = join(outputs.directory, "..", "secret.txt");
    await writeFile(secret, "secret");
    await symlink(secret, join(outputs.directory, "outputs", TASK_ID, "link.png"));
    await symlink(join(outputs.directory, ".."), join(outputs.directory, "outputs", "linked"));
    await writeFile(join(outputs.directory, "outputs", TASK_ID, ".result.png.1.part"), "part");
    await mkdir(join(outputs.directory, "outputs", TASK_ID, "folder"));
    for (const path of [
      "none.png",
      "folder",
      "folder/",
      "link.png",
      ".result.png.1.part",
      "../../../secret.txt",
      "..%2f..%2f..%2fsecret.txt",
      "..%5c..%5csecret.txt",
      "%2e%2e/%2e%2e/%2e%2e/secret.txt",
      "%00result.png",
      "result.png%00",
      "result.png/",
      "",
    ])
      expect(await getRaw(outputs, `/outputs/${TASK_ID}/${path}`)).toBe(404);
    for (const path of ["/outputs/linked/secret.txt", "/outputs/../secret.txt", "/outputs//x"])
      expect(await getRaw(outputs, path)).toBe(404);
    expect(await getRaw(outputs, `/outputs/${TASK_ID}/result.png`)).toBe(200);
  });

  it("closes the file when the client goes away in the middle", async () => {
    const outputs = await serve("result.png", randomBytes(30_000_000));
    const { open } = outputs.storage;
    let closedCount = 0;
    outputs.storage.open = async (key) => {
      const object = await open(key);
      if (object === undefined) return undefined;
      const read: typeof object.read = (first, last) =>
        object.read(first, last).on("close", () => closedCount++);
      return { ...object, read };
    };
    const response = await fetch(urlOf(outputs));
    await response.body?.cancel();
    await eventually(() => closedCount === 1);
  });
});
