import { mkdir, symlink, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { FileSource } from "../../../src/input/file-source.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { aPicture } from "../../support/pictures.js";
import { tempDir } from "../../support/temp-dir.js";
import { startTestApp } from "../../support/test-app.js";

const WORKFLOW = { type: "image", workflow: "cpu_image_2x" };

/** An allowed directory with a picture, and a secret beside it. */
async function files() {
  const root = await tempDir();
  const inputs = join(root, "inputs");
  await mkdir(join(inputs, "more"), { recursive: true });
  await writeFile(join(inputs, "more", "a picture.png"), await aPicture());
  await writeFile(join(root, "secret.png"), await aPicture());
  return { root, inputs, url: (...path: string[]) => pathToFileURL(join(root, ...path)).href };
}

test("a file of the allowed directory is an input like any other", async () => {
  const { inputs, url } = await files();
  await using server = await startCpuServer({ switches: { simulate: { steps: 1, stepMs: 1 } } });
  const env = { TMLSR_INPUT_DIR: inputs };
  await using app = await startTestApp({ servers: [server.url], env });
  const taskId = await app.submit({ ...WORKFLOW, url: url("inputs", "more", "a picture.png") });
  expect(await app.ended(taskId)).toMatchObject({
    status: "completed",
    input: { media_type: "image/png", width: 32, height: 24 },
  });
});

test("a link that leads out of the allowed directory fails the task at once, and reads nothing", async () => {
  const { root, inputs, url } = await files();
  await symlink(join(root, "secret.png"), join(inputs, "link.png"));
  await using server = await startCpuServer();
  const env = { TMLSR_INPUT_DIR: inputs };
  await using app = await startTestApp({ servers: [server.url], env });
  const taskId = await app.submit({ ...WORKFLOW, url: url("inputs", "link.png") });
  const task = await app.ended(taskId);
  expect(task).toMatchObject({ status: "failed", error_code: "INPUT_ADDRESS_NOT_ALLOWED" });
  expect(task.error).not.toContain("secret.png");
});

describe("submitting", () => {
  test("a file is refused where no directory is allowed", async () => {
    await using app = await startTestApp();
    const { body } = await app.rest("POST", "/tasks", { ...WORKFLOW, url: "file:///a/b.png" });
    expect(body.errors).toEqual([
      { field: "url", message: "url must begin with http:// or https://" },
    ]);
  });

  test("a file outside of the allowed directory is refused, however it is spelled", async () => {
    const { root, inputs, url } = await files();
    await using app = await startTestApp({ env: { TMLSR_INPUT_DIR: inputs } });
    const base = pathToFileURL(inputs).href;
    for (const outside of [
      "file:///etc/passwd",
      url("secret.png"),
      base,
      `${base}/../secret.png`,
      `${base}/%2e%2e/secret.png`,
      `${base}/more/..%2f..%2fsecret.png`,
      `${base}-other/secret.png`,
      `file://elsewhere${inputs}/more/a%20picture.png`,
    ]) {
      const { status, body } = await app.rest("POST", "/tasks", { ...WORKFLOW, url: outside });
      expect([outside, status, body.code]).toEqual([outside, 400, "INVALID_REQUEST"]);
      expect(body.errors[0].message).toMatch(/^url must lead to a file below the directory/);
    }
    const path = join(root, "inputs", "more", "a picture.png");
    expect((await app.rest("POST", "/tasks", { ...WORKFLOW, url: path })).status).toBe(400);
  });
});

describe("FileSource.fetch()", () => {
  async function fetched(name: string, maxBytes = 1_000_000) {
    const { inputs, root, url } = await files();
    await symlink("..", join(inputs, "up"));
    await symlink("more", join(inputs, "inner"));
    await truncate(join(root, "secret.png"), 5);
    const path = join(root, "copy");
    const source = new FileSource({ directory: inputs, maxBytes });
    const { signal } = new AbortController();
    return await source.fetch({ url: url("inputs", name), path, signal });
  }

  test("follows links that stay inside", async () => {
    expect((await fetched("inner/a picture.png")).sizeBytes).toBeGreaterThan(0);
  });

  test.each([
    ["up/secret.png", "INPUT_ADDRESS_NOT_ALLOWED"],
    ["none.png", "INPUT_NOT_FOUND"],
    ["more", "INPUT_REFUSED"],
  ])("of %s throws %s", async (name, code) => {
    await expect(fetched(name)).rejects.toMatchObject({ code });
  });

  test("refuses a file that is too large", async () => {
    await expect(fetched("more/a picture.png", 10)).rejects.toMatchObject({
      code: "INPUT_TOO_LARGE",
      message: expect.stringMatching(/more than the allowed 10$/),
    });
  });
});
