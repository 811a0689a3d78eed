import { createHash } from "node:crypto";
import { readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { describe, expect, test } from "vitest";
import { runCommand, startCommand } from "../../support/command.js";
import { startCpuServer } from "../../support/cpu-server.js";
import { eventually } from "../../support/eventually.js";
import { aPicture } from "../../support/pictures.js";
import { runsByTask } from "../../support/runs.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY, startTestApp } from "../../support/test-app.js";

const FAST = { simulate: { steps: 2, stepMs: 5 } };

describe("tmlsr upscale", () => {
  test("fetches each result beside its file, and run again makes no task", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url] });
    const dir = await pictures(["a.png", "b.png"]);
    const first = await runCommand(["upscale", "a.png", "b.png"], dir, app.url);
    expect(first).toMatchObject({ code: 0, stderr: "" });
    expect(first.lines.filter(({ state }) => state === "done")).toEqual([
      expect.objectContaining({ path: expect.stringMatching(/_upscaled\.png$/) }),
      expect.objectContaining({ path: expect.stringMatching(/_upscaled\.png$/) }),
    ]);
    expect(await sharp(join(dir, "a_upscaled.png")).metadata()).toMatchObject({ width: 64 });
    const again = await runCommand(["upscale", "a.png", "b.png", "a_upscaled.png"], dir, app.url);
    expect(again.code).toBe(0);
    expect((await runsByTask([server])).size).toBe(2);
    expect((await readdir(dir)).sort()).toEqual(
      ["a.png", "a_upscaled.png", "b.png", "b_upscaled.png"].sort(),
    );
  });

  test("the same file with another parameter is another task", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url] });
    const dir = await pictures(["a.png"]);
    await runCommand(["upscale", "a.png", "-o", "2x.png"], dir, app.url);
    await runCommand(["upscale", "a.png", "-o", "4x.png", "-w", "cpu_image_4x"], dir, app.url);
    expect(await sharp(join(dir, "2x.png")).metadata()).toMatchObject({ width: 64 });
    expect(await sharp(join(dir, "4x.png")).metadata()).toMatchObject({ width: 128 });
    expect((await runsByTask([server])).size).toBe(2);
  });

  test("a task that failed is told, the others go on, and run again it is retried", async () => {
    await using server = await startCpuServer({
      switches: { ...FAST, nodes: [{ fault: "fail", count: 1 }] },
    });
    await using app = await startTestApp({
      servers: [server.url],
      env: { TMLSR_MAX_RETRIES: "0" },
    });
    const dir = await pictures(["a.png", "b.png"]);
    const args = ["upscale", "--parallel", "1", "a.png", "b.png"];
    const first = await runCommand(args, dir, app.url);
    expect(first.code).toBe(1);
    expect(first.lines.filter(({ state }) => state === "failed")).toEqual([
      expect.objectContaining({ input: "a.png", error: expect.stringContaining("made to fail") }),
    ]);
    const second = await runCommand(args, dir, app.url);
    expect(second.code).toBe(0);
    const { body } = await app.rest("GET", "/tasks");
    expect(body.tasks).toHaveLength(3);
    expect(body.tasks[0].retry_of).toBe(body.tasks[2].task_id);
  });

  test("what was fetched of a result before a kill is gone on with", async () => {
    await using server = await startCpuServer({ switches: FAST });
    await using app = await startTestApp({ servers: [server.url] });
    const dir = await pictures(["a.png"]);
    const { lines } = await runCommand(["upscale", "a.png", "-o", "whole.png"], dir, app.url);
    const taskId = lines.at(-1)?.task_id as string;
    const whole = await readFile(join(dir, "whole.png"));
    // Its first bytes are told from the service's by their content.
    const half = Buffer.from(whole.subarray(0, whole.length / 2)).fill(7, 0, 4);
    await writeFile(join(dir, `.again.png.${taskId}.part`), half);
    await runCommand(["upscale", "a.png", "-o", "again.png"], dir, app.url);
    const again = await readFile(join(dir, "again.png"));
    expect(again.subarray(0, 4)).toEqual(Buffer.alloc(4, 7));
    expect(hash(again.subarray(half.length))).toBe(hash(whole.subarray(half.length)));
    expect(await readdir(dir)).not.toContain(`.again.png.${taskId}.part`);
  });

  test("a service that does not answer ends it with 3, a wrong input with 2", async () => {
    const dir = await pictures(["a.png"]);
    const dead = await runCommand(["upscale", "a.png"], dir, NOBODY);
    expect(dead).toMatchObject({ code: 3, stderr: expect.stringContaining("does not answer") });
    const wrong = await runCommand(["upscale", "b.png"], dir, NOBODY);
    expect(wrong).toMatchObject({ code: 2, stderr: expect.stringContaining("neither a file") });
  });

  test("a tenant without room for uploads is told so at once", async () => {
    const file = { tenants: [{ name: "default", upload_bytes: 10 }] };
    await using app = await startTestApp({ file });
    const dir = await pictures(["a.png"]);
    const { code, lines } = await runCommand(["upscale", "a.png"], dir, app.url);
    expect(code).toBe(1);
    expect(lines.at(-1)?.error).toContain("your uploads may take 10 bytes");
  });

  test("two inputs whose results would get one name are refused before anything is sent", async () => {
    const dir = await pictures(["a.png", "a.webp"]);
    const end = await runCommand(["upscale", "a.png", "a.webp"], dir, NOBODY);
    expect(end).toMatchObject({ code: 2, stderr: expect.stringContaining("one name") });
  });

  test("Ctrl-C ends it with 130, and the task goes on", async () => {
    const slow = { simulate: { steps: 2_000, stepMs: 50 } };
    await using server = await startCpuServer({ switches: slow });
    await using app = await startTestApp({ servers: [server.url] });
    const dir = await pictures(["a.png"]);
    const command = startCommand(["upscale", "a.png"], dir, app.url);
    await eventually(() => command.output().stdout.includes('"stage":"process"'));
    command.child.kill("SIGINT");
    const { code, lines } = await command.ended;
    expect(code).toBe(130);
    await server.set(FAST);
    expect(await app.ended(lines.at(-1)?.task_id)).toMatchObject({ status: "completed" });
  });

  test("labels, priority and parameters are passed on", async () => {
    await using app = await startTestApp();
    const dir = await pictures(["a.png"]);
    const args = ["-w", "cpu_image_2x", "-l", "album=summer", "--priority", "2"];
    const { code, lines } = await runCommand(["submit", "a.png", ...args], dir, app.url);
    expect(code).toBe(0);
    const { body } = await app.rest("GET", `/tasks/${lines[0].task_id}`);
    expect(body).toMatchObject({
      priority: 2,
      workflow: "cpu_image_2x",
      labels: { album: "summer" },
    });
  });
});

async function pictures(names: readonly string[]): Promise<string> {
  const dir = await tempDir();
  for (const [index, name] of names.entries())
    await writeFile(join(dir, name), await aPicture(32, 24 + index));
  return dir;
}

function hash(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
