import { describe, expect, test } from "vitest";
import { aRetry, aStage, COMPLETED, FAILED } from "../../../support/task-store-builders.js";
import { NOBODY } from "../../../support/test-app.js";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// Reading and canceling a task over REST, while the test does the scheduler's part in the store.

const api = useTestApp({ env: { TMLSR_ALLOWED_HOSTS: "other.example" } });

const TIME = expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/);

/** The outcome of a task whose result has so many bytes. */
function completed(taskId: string, sizeBytes: number) {
  const key = `outputs/${taskId}/result.png`;
  const output = { key, sizeBytes, mediaType: "image/png", fileName: "result.png" };
  return { kind: "completed", outputs: [output] } as const;
}

/** A task in each terminal status, and one in neither. */
async function inStatus(status: "pending" | "processing" | "completed" | "failed" | "canceled") {
  const taskId = await api.submit();
  if (status === "canceled") await api.store.cancel(taskId);
  if (status === "pending" || status === "canceled") return taskId;
  const fence = await api.hold(taskId);
  if (status === "completed") await api.store.settle(fence, COMPLETED);
  if (status === "failed") await api.store.settle(fence, FAILED);
  return taskId;
}

describe("GET /tasks/{task_id}", () => {
  test("shows every field, null where it has no value", async () => {
    const request = { url: INPUT_URL, type: "image", workflow: "esrgan_image_2x" };
    const taskId = await api.submit(request);
    const answer = await api.get(`/tasks/${taskId}`);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.body).toEqual({
      task_id: taskId,
      status: "pending",
      created_at: TIME,
      updated_at: TIME,
      stages: [],
      output: null,
      outputs: [],
      error: null,
      error_code: null,
      params: {
        ...request,
        model: null,
        outscale: null,
        output_magnification: null,
        resolution: null,
        target: null,
      },
      progress: 0,
      attempts: [],
      workflow: "esrgan_image_2x",
      workflow_version: expect.any(String),
      parameters: { model: "RealESRGAN_x2.pth" },
      server: null,
      retries: 0,
      type: "image",
      priority: 1,
      input: null,
      running_node: null,
      not_before: null,
      variant: null,
      webhook: null,
      labels: {},
      retry_of: null,
      notes: [],
      chunks: null,
      preview_url: null,
      link_query: null,
    });
  });

  test("shows the documented example as documented", async () => {
    const taskId = await api.submit({ type: "image", workflow: "seedvr2_image_4096.json" });
    const fence = await api.hold(taskId);
    const done = { status: "success", progress: 100 } as const;
    const { store } = api;
    const download = { ...done, durationMs: 98, detail: "Download complete" };
    await store.updateStage(fence, "download", download);
    const process = { ...done, durationMs: 52_174, detail: "Processing complete" };
    await store.updateStage(fence, "process", process);
    const upload = { ...done, durationMs: 15_880, detail: "Upload complete" };
    await store.updateStage(fence, "upload", upload);
    await store.settle(fence, completed(taskId, 14_029_947));
    const task = await api.task(taskId);
    const success = { status: "success", progress: 100 };
    expect(task).toMatchObject({
      task_id: taskId,
      status: "completed",
      created_at: TIME,
      stages: [
        { name: "download", ...success, duration: 0.1, detail: "Download complete" },
        { name: "process", ...success, duration: 52.17, detail: "Processing complete" },
        { name: "upload", ...success, duration: 15.88, detail: "Upload complete" },
      ],
      error: null,
      error_code: null,
      progress: 100,
    });
    for (const stage of task.stages)
      expect(Object.keys(stage).sort()).toEqual(
        ["detail", "duration", "name", "progress", "status"], // progress is beside the documented ones
      );
    const url = `http://localhost:${api.app.app.api.port}/outputs/${taskId}/result.png`;
    expect(task.output).toEqual({
      url,
      size_mb: 13.38,
      url_expires_at: null,
      media_type: "image/png",
      size_bytes: 14_029_947,
      file_name: "result.png",
    });
    expect(task.outputs).toEqual([task.output]);
  });

  test("shows a stage once it has begun, with no duration while it runs", async () => {
    const taskId = await api.submit();
    const fence = await api.hold(taskId);
    expect(await api.task(taskId)).toMatchObject({ status: "processing", stages: [] });
    const detail = "Starting download...";
    await api.store.updateStage(fence, "download", aStage({ detail }));
    const running = { name: "download", status: "running", duration: 0, progress: 0, detail };
    expect((await api.task(taskId)).stages).toEqual([running]);
    const report = { name: "download", progress: 40, detail: "0.1MB / 0.2MB" } as const;
    await api.store.heartbeat("replica-1", 60_000, [{ ...fence, stage: report, progress: 4 }]);
    const task = await api.task(taskId);
    expect(task.stages).toEqual([{ ...running, progress: 40, detail: "0.1MB / 0.2MB" }]);
    expect(task.progress).toBe(4);
    await api.store.settle(fence, FAILED);
  });

  test.each([
    [5, 0],
    [1_572_864, 1.5],
    [5_000_000_000, 4768.37],
  ])("says %i bytes are %d MiB", async (sizeBytes, sizeMb) => {
    const taskId = await api.submit();
    await api.store.settle(await api.hold(taskId), completed(taskId, sizeBytes));
    const { output } = await api.task(taskId);
    expect(output).toMatchObject({ size_mb: sizeMb, size_bytes: sizeBytes });
  });

  test("makes no result URL of the header Host", async () => {
    const taskId = await api.submit();
    await api.store.settle(await api.hold(taskId), completed(taskId, 5));
    const { body } = await api.get(`/tasks/${taskId}`, { host: "other.example" });
    expect(body.output.url).toMatch(/^http:\/\/localhost:\d+\/outputs\//);
  });

  test("shows what the input turned out to be, with numbers as numbers", async () => {
    const taskId = await api.submit();
    const fence = await api.hold(taskId);
    const size = { mediaType: "video/mp4", sizeBytes: 5_000_000_000, width: 64, height: 48 };
    await api.store.recordInput(fence, { ...size, durationSeconds: 2, fps: 23.976 });
    expect((await api.task(taskId)).input).toEqual({
      media_type: "video/mp4",
      size_bytes: 5_000_000_000,
      width: 64,
      height: 48,
      duration: 2,
      fps: 23.976,
    });
    await api.store.settle(fence, FAILED);
  });

  test("hides the query string of the input's URL in lists and error texts, and echoes it to who knows the id", async () => {
    const url = "https://user.example.com/in.mp4?sig=secret#part";
    const taskId = await api.submit({ url });
    const message = `Cannot download input "${url}": server answered 403`;
    const error = { code: "INPUT_REFUSED", message } as const;
    await api.store.settle(await api.hold(taskId), { kind: "failed", error });
    const task = await api.task(taskId);
    expect(task.params.url).toBe(url);
    expect(task.error).toContain("https://user.example.com/in.mp4?***");
    for (const path of ["/tasks?page_size=1", "/monitor/stats"]) {
      const { text } = await api.get(path);
      expect(text).toContain("https://user.example.com/in.mp4?***");
      expect(text).not.toContain("secret");
    }
  });
});

describe("a task that failed", () => {
  test("says why, with a stable code and the stage", async () => {
    const taskId = await api.submit();
    const fence = await api.hold(taskId);
    await api.store.updateStage(fence, "download", aStage());
    await api.store.settle(fence, FAILED);
    expect(await api.task(taskId)).toMatchObject({
      status: "failed",
      error: "Cannot read the input",
      error_code: "INPUT_DAMAGED",
      output: null,
      stages: [{ name: "download", status: "failed" }],
      attempts: [{ attempt: 1, server: null, started_at: TIME, ended_at: TIME }],
    });
    expect((await api.task(taskId)).attempts[0].reason).toBe("INPUT_DAMAGED");
  });
});

describe("a retry", () => {
  /** A task put back after its process stage failed. */
  async function putBack(delayMs: number) {
    const taskId = await api.submit();
    const fence = await api.hold(taskId);
    const done = { status: "success", progress: 100, durationMs: 1_000 } as const;
    await api.store.updateStage(fence, "download", aStage(done));
    await api.store.updateStage(fence, "process", aStage({ progress: 50 }));
    await api.store.settle(fence, aRetry({ reason: "SERVER_FAULT", delayMs }));
    return taskId;
  }

  test("leaves no error on a task that is pending again, and keeps finished stages", async () => {
    const taskId = await putBack(60_000);
    expect(await api.task(taskId)).toMatchObject({
      status: "pending",
      error: null,
      error_code: null,
      retries: 1,
      stages: [
        { name: "download", status: "success", duration: 1 },
        { name: "process", status: "failed" },
      ],
      attempts: [{ attempt: 1, reason: "SERVER_FAULT", ended_at: TIME }],
    });
  });

  test("that must run a new prompt begins the process stage anew, and ends without an error", async () => {
    const taskId = await putBack(0);
    const fence = await api.hold(taskId);
    await api.store.updateStage(fence, "process", { status: "running" });
    const download = { name: "download", status: "success", duration: 1, progress: 100 };
    const anew = { name: "process", status: "running", duration: 0, progress: 0 };
    const running = await api.task(taskId);
    expect(running).toMatchObject({ status: "processing", stages: [download, anew] });
    expect(running.attempts).toMatchObject([{ attempt: 1 }, { attempt: 2, ended_at: null }]);
    await api.store.settle(fence, completed(taskId, 5));
    const ended = await api.task(taskId);
    expect(ended).toMatchObject({ status: "completed", error: null, error_code: null, retries: 1 });
    expect(ended.attempts[1]).toMatchObject({ attempt: 2, reason: "completed" });
  });
});

describe("a terminal status", () => {
  test.each(["completed", "failed", "canceled"] as const)(
    "%s never changes again",
    async (status) => {
      const taskId = await api.submit();
      const fence = await api.hold(taskId);
      if (status === "canceled") await api.store.cancel(taskId);
      else await api.store.settle(fence, status === "completed" ? COMPLETED : FAILED);
      const before = await api.task(taskId);
      expect(before.status).toBe(status);
      for (const outcome of [COMPLETED, FAILED, aRetry()]) await api.store.settle(fence, outcome);
      await api.store.updateStage(fence, "process", aStage());
      await api.call("DELETE", `/tasks/${taskId}`);
      expect(await api.task(taskId)).toEqual(before);
    },
  );
});

describe("an id that is no stored task", () => {
  test.each([
    ["unknown", "f692edeb41cb4a3eaebd2db0044c0778"],
    ["short", "1"],
    ["upper case", "F692EDEB41CB4A3EAEBD2DB0044C0778"],
    ["a UUID with hyphens", "f692edeb-41cb-4a3e-aebd-2db0044c0778"],
    ["a space", "%20"],
    ["a NUL", "%00"],
    ["an encoded slash", "a%2Fb"],
    ["a parent directory", ".."],
    ["an encoded parent directory", "%2e%2e%2fetc%2fpasswd"],
    ["a colon", "a:b"],
    ["a colon at its end", "a:"],
    ["a verb that is none", "f692edeb41cb4a3eaebd2db0044c0778:pause"],
    ["an encoded verb", "a%3Awatch"],
    ["another script", "%E4%BB%BB%E5%8A%A1"],
    ["an emoji", "%F0%9F%98%80"],
    ["no UTF-8", "%C0%80"],
    ["a bad escape", "%zz"],
    ["quotes and SQL", "'%20OR%20'1'='1"],
    ["a name of JavaScript's", "__proto__"],
    ["very long", "a".repeat(8_000)],
  ])("is not found: %s", async (_name, id) => {
    for (const [method, path] of [
      ["GET", `/tasks/${id}`],
      ["GET", `/tasks/${id}/`],
      ["DELETE", `/tasks/${id}`],
      ["GET", `/tasks/${id}:watch`],
    ] as const)
      expectProblem(await api.call(method, path), {
        status: 404,
        code: "TASK_NOT_FOUND",
        detail: "Task not found",
      });
  });
});

describe("DELETE /tasks/{task_id}", () => {
  test.each(["pending", "processing"] as const)("cancels a task that is %s", async (status) => {
    const taskId = await inStatus(status);
    const answer = await api.call("DELETE", `/tasks/${taskId}`);
    expect(answer).toMatchObject({ status: 200, body: { status: "canceled" } });
    expect(answer.text).toBe('{"status":"canceled"}');
    expect(await api.task(taskId)).toMatchObject({
      status: "canceled",
      error: null,
      error_code: null,
      output: null,
    });
  });

  test("marks the running stage canceled", async () => {
    const taskId = await api.submit();
    await api.store.updateStage(await api.hold(taskId), "download", aStage());
    await api.call("DELETE", `/tasks/${taskId}`);
    const { stages, attempts } = await api.task(taskId);
    expect(stages).toMatchObject([{ name: "download", status: "canceled" }]);
    expect(attempts).toMatchObject([{ reason: "canceled", ended_at: TIME }]);
  });

  test("answers the same again for a canceled task", async () => {
    const taskId = await inStatus("canceled");
    const answer = await api.call("DELETE", `/tasks/${taskId}`);
    expect([answer.status, answer.body]).toEqual([200, { status: "canceled" }]);
  });

  test.each(["completed", "failed"] as const)("refuses a task that has %s", async (status) => {
    expectProblem(await api.call("DELETE", `/tasks/${await inStatus(status)}`), {
      status: 400,
      code: "TASK_ALREADY_ENDED",
      detail: "Unable to cancel task (already completed or failed)",
    });
  });
});

describe("with TMLSR_PUBLIC_URL", () => {
  const behind = useTestApp({ env: { TMLSR_PUBLIC_URL: "https://files.example.com/tmlsr/" } });

  test("result URLs begin with it", async () => {
    const taskId = await behind.submit();
    await behind.store.settle(await behind.hold(taskId), completed(taskId, 5));
    const { output } = await behind.task(taskId);
    expect(output.url).toBe(`https://files.example.com/tmlsr/outputs/${taskId}/result.png`);
  });
});

describe("with signed URLs of OSS", () => {
  const oss = useTestApp({
    env: {
      OSS_ENDPOINT: NOBODY,
      OSS_REGION: "oss-cn-test",
      OSS_BUCKET: "results",
      OSS_ACCESS_KEY_ID: "id",
      OSS_ACCESS_KEY_SECRET: "secret",
      OSS_PUBLIC_BASE_URL: "https://files.example.com",
      OSS_SIGNED_URL_SECONDS: "600",
    },
  });

  test("a result says until when its URL holds", async () => {
    const taskId = await oss.submit();
    await oss.store.settle(await oss.hold(taskId), completed(taskId, 5));
    const { output } = await oss.task(taskId);
    expect(output.url).toMatch(/^https:\/\/files\.example\.com\/outputs\/[^?]+\.png\?.+/);
    expect(output.url_expires_at).toEqual(TIME);
    const holdsMs = Date.parse(output.url_expires_at) - Date.now();
    expect(holdsMs).toBeGreaterThan(500_000);
    expect(holdsMs).toBeLessThanOrEqual(600_000);
  });
});
