import { mkdir, readdir, readFile, utimes, writeFile } from "node:fs/promises";
import { createConnection } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import { getJson, upload } from "../../support/cpu-server-client.js";

// Uploads, downloads and the rest of HTTP, as ComfyUI 0.3.64 was seen to answer.

let server: TestCpuServer;
let url: string;

beforeAll(async () => {
  server = await startCpuServer({ maxUploadMib: 1 });
  url = server.url;
});
afterAll(() => server[Symbol.asyncDispose]());

const stored = (path: string) => readFile(join(server.dir, path), "utf8");

describe("POST /upload/image", () => {
  it("stores any file and answers its place", async () => {
    for (const name of ["a.png", "empty.bin", "page.html", "ü '1'.mp4"]) {
      const content = name === "empty.bin" ? "" : "content";
      const body = { name, subfolder: "", type: "input" };
      expect(await upload(url, name, content)).toEqual({ status: 200, body });
      expect(await stored(`input/${name}`)).toBe(content);
    }
  });

  it("keeps one file for equal bytes, and finds a free name for others", async () => {
    const names: string[] = [];
    for (const content of ["one", "one", "two", "three", "two"]) {
      names.push((await upload(url, "n.tar.png", content)).body.name);
    }
    expect(names).toEqual([
      ...["n.tar.png", "n.tar.png", "n.tar (1).png", "n.tar (2).png", "n.tar (1).png"],
    ]);
  });

  it("gives simultaneous uploads of one name a name each", async () => {
    const contents = ["a", "b", "c", "d", "e"];
    const answers = await Promise.all(contents.map((text) => upload(url, "race.png", text)));
    const kept = await Promise.all(answers.map(({ body }) => stored(`input/${body.name}`)));
    expect(kept).toEqual(contents);
  });

  it.each([["true"], ["1"]])("overwrites with overwrite=%s", async (overwrite) => {
    await upload(url, "over.png", "old");
    expect((await upload(url, "over.png", overwrite, { overwrite })).body.name).toBe("over.png");
    expect(await stored("input/over.png")).toBe(overwrite);
  });

  it("does not overwrite with overwrite=True", async () => {
    await upload(url, "cap.png", "old");
    const { body } = await upload(url, "cap.png", "new", { overwrite: "True" });
    expect(body.name).toBe("cap (1).png");
  });

  it("makes subfolders and answers them as they were sent", async () => {
    const { body } = await upload(url, "a.png", "deep", { subfolder: "./k//l/" });
    expect(body).toEqual({ name: "a.png", subfolder: "./k//l/", type: "input" });
    expect(await stored("input/k/l/a.png")).toBe("deep");
  });

  it("stores into temp and output by type", async () => {
    await upload(url, "t.png", "t", { type: "temp" });
    await upload(url, "o.png", "o", { type: "output", subfolder: "x" });
    expect([await stored("temp/t.png"), await stored("output/x/o.png")]).toEqual(["t", "o"]);
  });

  it("cuts off leading slashes, and takes a folder in the name where it is there", async () => {
    expect((await rawUpload("/abs.png", "x")).body.name).toBe("abs.png");
    await mkdir(join(server.dir, "input/there"));
    expect((await rawUpload("there/a.png", "y")).body.name).toBe("there/a.png");
    expect(await stored("input/there/a.png")).toBe("y");
  });

  it.each([
    ["a subfolder outside", "a.png", { subfolder: "../../etc" }],
    ["an absolute subfolder", "a.png", { subfolder: "/abs" }],
    ["a name outside", "../evil.png", {}],
  ])("refuses %s with 400 and no body", async (_what, name, fields) => {
    expect(await rawUpload(name, "x", fields)).toEqual({ status: 400, body: "" });
  });

  it("refuses a form without the file, and a body that is no form, with 400", async () => {
    const form = new FormData();
    form.append("other", new Blob(["x"]), "a.png");
    const without = await fetch(`${url}/upload/image`, { method: "POST", body: form });
    const headers = { "content-type": "application/json" };
    const json = await fetch(`${url}/upload/image`, { method: "POST", body: "{}", headers });
    expect([without.status, await without.text()]).toEqual([400, ""]);
    expect([json.status, await json.text()]).toEqual([400, ""]);
  });

  it.each([
    ["an unknown type", "a.png", { type: "bogus" }],
    ["a name in a folder that is not there", "missing/a.png", {}],
    ["a name that is too long", `${"x".repeat(300)}.png`, {}],
  ])("answers %s with 500", async (_what, name, fields) => {
    expect((await rawUpload(name, "x", fields)).status).toBe(500);
  });

  it("answers text in place of the file with 500", async () => {
    const form = new FormData();
    form.append("image", "text");
    const answer = await fetch(`${url}/upload/image`, { method: "POST", body: form });
    expect(answer.status).toBe(500);
  });

  it("refuses more than its limit with 413, and leaves nothing behind", async () => {
    const { status, body } = await upload(url, "big.bin", "x".repeat(3 * 1024 * 1024));
    expect(status).toBe(413);
    expect(body).toMatch(/^Maximum request body size 1048576 exceeded, actual body size \d+$/);
    expect((await upload(url, "fits.bin", "x".repeat(1024 * 1024))).status).toBe(200);
    expect(await readdir(join(server.dir, "temp"))).not.toContainEqual(
      expect.stringMatching(/part$/),
    );
    expect((await getJson(`${url}/features`)).max_upload_size).toBe(1048576);
  });

  it("keeps nothing of an upload that broke off", async () => {
    const { hostname, port } = new URL(url);
    const socket = createConnection(Number(port), hostname);
    socket.write(
      `POST /upload/image HTTP/1.1\r\nHost: ${hostname}:${port}\r\nContent-Length: 5000\r\n` +
        "Content-Type: multipart/form-data; boundary=b\r\n\r\n" +
        '--b\r\nContent-Disposition: form-data; name="image"; filename="cut.png"\r\n\r\nsome',
    );
    await expect
      .poll(() => readdir(join(server.dir, "temp")))
      .toContainEqual(expect.stringMatching(/part$/));
    socket.destroy();
    await expect
      .poll(() => readdir(join(server.dir, "temp")))
      .not.toContainEqual(expect.stringMatching(/part$/));
    expect(await readdir(join(server.dir, "input"))).not.toContain("cut.png");
  });

  /** fetch's own FormData sends names as they are, but not all of them. */
  async function rawUpload(name: string, content: string, fields: Record<string, string> = {}) {
    const parts = Object.entries(fields).map(
      ([key, value]) => `--b\r\nContent-Disposition: form-data; name="${key}"\r\n\r\n${value}\r\n`,
    );
    const file = `--b\r\nContent-Disposition: form-data; name="image"; filename="${name}"\r\n\r\n${content}\r\n--b--\r\n`;
    const headers = { "content-type": "multipart/form-data; boundary=b" };
    const body = parts.join("") + file;
    const response = await fetch(`${url}/upload/image`, { method: "POST", headers, body });
    const text = await response.text();
    return { status: response.status, body: text.startsWith("{") ? JSON.parse(text) : text };
  }
});

describe("GET /view", () => {
  const content = "0123456789".repeat(10);
  const get = async (query: string, headers: Record<string, string> = {}, method = "GET") => {
    const response = await fetch(`${url}/view?${query}`, { headers, method });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };

  beforeAll(async () => {
    await mkdir(join(server.dir, "output/sub"), { recursive: true });
    await writeFile(join(server.dir, "output/sub/v.png"), content);
    await writeFile(join(server.dir, "output/page.html"), "<b>");
    await writeFile(join(server.dir, "output/empty.png"), "");
    await upload(url, "in.png", "input");
  });

  it("sends a file with its facts, as HEAD and under /api too", async () => {
    const { status, headers, text } = await get("filename=v.png&subfolder=sub");
    expect({ status, text }).toEqual({ status: 200, text: content });
    expect(headers.get("content-type")).toBe("image/png");
    expect(headers.get("content-disposition")).toBe('filename="v.png"');
    expect(headers.get("content-length")).toBe("100");
    expect(headers.get("accept-ranges")).toBe("bytes");
    expect(headers.get("etag")).toMatch(/^"[0-9a-f]+-64"$/);
    expect(Date.parse(headers.get("last-modified") ?? "")).toBeGreaterThan(0);
    const head = await get("filename=v.png&subfolder=sub", {}, "HEAD");
    expect([head.status, head.headers.get("content-length"), head.text]).toEqual([200, "100", ""]);
    const prefixed = await fetch(`${url}/api/view?filename=v.png&subfolder=sub`);
    expect(await prefixed.text()).toBe(content);
  });

  it("takes the folder from the type or the name's ending", async () => {
    expect((await get("filename=in.png&type=input")).text).toBe("input");
    expect((await get("filename=in.png%20%5Binput%5D")).text).toBe("input");
  });

  it("sends parts", async () => {
    const part = async (range: string) => {
      const answer = await get("filename=v.png&subfolder=sub", { range });
      return [answer.status, answer.headers.get("content-range"), answer.text];
    };
    expect(await part("bytes=95-")).toEqual([206, "bytes 95-99/100", "56789"]);
    expect(await part("bytes=0-2")).toEqual([206, "bytes 0-2/100", "012"]);
    expect(await part("bytes=-3")).toEqual([206, "bytes 97-99/100", "789"]);
    expect(await part("bytes=98-500")).toEqual([206, "bytes 98-99/100", "89"]);
    expect((await part("bytes=100-")).slice(0, 2)).toEqual([416, "bytes */100"]);
    expect((await part("bytes=0-1,4-5")).at(0)).toBe(416);
  });

  it("heeds If-Match and If-None-Match, and ignores an ETag in If-Range", async () => {
    const query = "filename=v.png&subfolder=sub";
    const etag = (await get(query)).headers.get("etag") ?? "";
    const status = async (headers: Record<string, string>) => (await get(query, headers)).status;
    expect(await status({ "if-match": etag })).toBe(200);
    expect(await status({ "if-match": '"other"', range: "bytes=5-" })).toBe(412);
    expect(await status({ "if-none-match": etag })).toBe(304);
    expect(await status({ "if-none-match": '"other"' })).toBe(200);
    expect(await status({ "if-range": '"other"', range: "bytes=5-" })).toBe(206);
    const modified = new Date(Date.now() + 60_000).toUTCString();
    expect(await status({ "if-modified-since": modified })).toBe(304);
    expect(await status({ "if-range": new Date(0).toUTCString(), range: "bytes=5-" })).toBe(200);
    const later = new Date(Date.now() + 10_000);
    await utimes(join(server.dir, "output/sub/v.png"), later, later);
    expect(await status({ "if-match": etag })).toBe(412);
  });

  it("sends an empty file, and pages as bytes", async () => {
    expect(await get("filename=empty.png")).toMatchObject({ status: 200, text: "" });
    const page = await get("filename=page.html");
    expect(page.headers.get("content-type")).toBe("application/octet-stream");
  });

  it.each([
    ["nothing asked for", "", 404],
    ["a missing file", "filename=nope.png", 404],
    ["a folder in the name", "filename=sub/v.png", 404],
    ["a directory", "filename=sub", 404],
    ["an empty name", "filename=", 400],
    ["a name outside", "filename=../x.png", 400],
    ["an absolute name", "filename=/etc/hostname", 400],
    ["an unknown type", "filename=v.png&type=bogus", 400],
    ["a subfolder outside", "filename=v.png&subfolder=../..", 403],
    ["an absolute subfolder", "filename=v.png&subfolder=/etc", 403],
  ])("answers %s without a body", async (_what, query, status) => {
    expect(await get(query)).toMatchObject({ status, text: "" });
  });
});

describe("other requests", () => {
  it("exist with and without /api, jobs not at all", async () => {
    const paths = ["prompt", "queue", "history", "history/x", "system_stats", "features"];
    for (const path of [...paths, "object_info", "object_info/LoadImage", "models"]) {
      const plain = await fetch(`${url}/${path}`);
      const prefixed = await fetch(`${url}/api/${path}`);
      expect([path, plain.status, prefixed.status]).toEqual([path, 200, 200]);
    }
    expect((await fetch(`${url}/api/jobs`)).status).toBe(404);
    expect((await fetch(`${url}/jobs`)).status).toBe(404);
  });

  it("say which server this is: a CPU, speaking as 0.3.64", async () => {
    const { system, devices } = await getJson(`${url}/system_stats`);
    expect(system.comfyui_version).toBe("0.3.64+cpu-server");
    expect(system).not.toHaveProperty("python_version");
    expect(devices).toEqual([expect.objectContaining({ name: "cpu", type: "cpu", index: null })]);
  });

  it("list nodes with combos in both forms, and models", async () => {
    await upload(url, "listed.png", "x");
    await upload(url, "unlisted.png", "x", { subfolder: "sub" });
    const info = await getJson(`${url}/object_info`);
    expect(Object.keys(info).sort()).toEqual([
      ...["CreateVideo", "GetVideoComponents", "ImageBatch", "ImageFromBatch"],
      ...["ImageScale", "ImageScaleBy"],
      ...["ImageUpscaleWithModel", "JoinImageWithAlpha", "LoadImage", "LoadVideo", "PreviewImage"],
      ...["SaveImage", "SaveVideo", "UpscaleModelLoader"],
    ]);
    const [files, options] = info.LoadImage.input.required.image;
    expect(files).toContain("listed.png");
    expect(files).not.toContain("unlisted.png");
    expect(options).toEqual({ image_upload: true });
    const models = [
      ...["anime4k-cnn-x2", "anime4k-cnn-x3", "anime4k-cnn-x4"],
      ...["esrgan-slim-x2", "esrgan-slim-x3", "esrgan-slim-x4"],
    ];
    expect(info.UpscaleModelLoader.input.required.model_name).toEqual([
      "COMBO",
      { multiselect: false, options: models },
    ]);
    expect(await getJson(`${url}/object_info/SaveImage`)).toEqual({ SaveImage: info.SaveImage });
    expect(await getJson(`${url}/object_info/constructor`)).toEqual({});
    expect(await getJson(`${url}/models`)).toContain("upscale_models");
    expect(await getJson(`${url}/models/upscale_models`)).toEqual(models);
    expect((await fetch(`${url}/models/nope`)).status).toBe(404);
  });

  it("keep aiohttp's manners", async () => {
    const status = async (path: string, init: RequestInit = {}) =>
      (await fetch(`${url}${path}`, init)).status;
    expect(await status("/nope")).toBe(404);
    expect(await status("/queue", { method: "DELETE" })).toBe(405);
    expect(await status("/interrupt")).toBe(405);
    expect(await status("/ws")).toBe(400);
    expect(await status("/anything", { method: "OPTIONS" })).toBe(200);
    expect(await status("/queue", { headers: { origin: "http://evil.example" } })).toBe(403);
    expect(await status("/queue", { headers: { origin: url } })).toBe(200);
    expect(await status("/interrupt", { method: "POST", body: "[]" })).toBe(500);
    expect(await status("/queue", { method: "POST" })).toBe(500);
    const large = "x".repeat(2 * 1024 * 1024);
    expect(await status("/prompt", { method: "POST", body: large })).toBe(413);
    for (const path of ["/interrupt", "/queue", "/history", "/free"]) {
      const response = await fetch(`${url}${path}`, { method: "POST", body: "{}" });
      expect(response.headers.get("content-type")).toBe("application/octet-stream");
      expect([response.status, await response.text()]).toEqual([200, ""]);
    }
  });
});
