import { describe, expect, test } from "vitest";
import { expectProblem, INPUT_URL, useTestApp } from "../../../support/use-test-app.js";

// Submitting a task over REST. Nobody answers for the pool's only server: tasks are accepted and wait.

const api = useTestApp();

const TASK_ID = /^[0-9a-f]{32}$/;

/** Submits and answers the stored task as REST shows it. */
async function submitted(body: object) {
  return await api.task(await api.submit(body));
}

describe("POST /tasks", () => {
  test("answers the documented request as documented", async () => {
    const answer = await api.post({
      url: "https://example.com/image.jpg",
      type: "image",
      workflow: "seedvr2_image_4096.json",
    });
    expect(answer.status).toBe(200);
    expect(answer.headers["content-type"]).toBe("application/json; charset=utf-8");
    expect(answer.body).toEqual({ status: "ok", task_id: expect.stringMatching(TASK_ID) });
    expect(await api.task(answer.body.task_id)).toMatchObject({
      status: "pending",
      type: "image",
      workflow: "seedvr2_image_4096",
    });
  });

  test("asks for nothing but a url", async () => {
    const task = await submitted({});
    expect(task).toMatchObject({ type: "video", priority: 1, not_before: null });
  });

  test("gives ids whose last 64 bits are another each time", async () => {
    const ids = await Promise.all(Array.from({ length: 20 }, () => api.submit()));
    for (const part of [ids.map((id) => id.slice(16, 24)), ids.map((id) => id.slice(24))])
      expect(new Set(part).size).toBe(20);
  });

  test.each(["image", "video"])("takes the type %s", async (type) => {
    expect(await submitted({ type })).toMatchObject({ type, params: { type } });
  });

  test.each([
    [{}, "video"],
    [{ type: null }, "video"],
    [{ workflow: "seedvr2_image_2048" }, "image"],
    [{ workflow: "seedvr2_image_2048", type: null }, "image"],
    [{ workflow: "cpu_video_2x" }, "video"],
    [{ model: "seedvr2" }, "video"],
  ])("takes the type of the workflow, else video, where it is left out: %j", async (body, type) => {
    expect(await submitted(body)).toMatchObject({ type, params: { type: null } });
  });
});

describe("the workflow of a task", () => {
  test.each([
    ["esrgan_image_2x", "image", "esrgan_image_2x"],
    ["esrgan_image_2x.json", "image", "esrgan_image_2x"],
    ["seedvr2_image_4096.json", undefined, "seedvr2_image_4096"],
    ["ESRGANDefeat", "image", "esrgan_image_2x"],
    ["ESRGANDefeat", "video", "esrgan_video_1920"],
    ["ESRGANDefeat", undefined, "esrgan_video_1920"],
    ["ESRGANDefeat.json", "image", "esrgan_image_2x"],
    ["SeedVR2Defeat", "image", "seedvr2_image_2048"],
    ["SeedVR2Defeat", "video", "seedvr2_video_1080"],
    ["SeedVR2Defeat.json", "video", "seedvr2_video_1080"],
  ])("named %s for type %s is %s", async (workflow, type, chosen) => {
    const task = await submitted({ workflow, ...(type && { type }) });
    expect(task).toMatchObject({ workflow: chosen, params: { workflow } });
  });

  test.each([
    ["seedvr2", "image", "seedvr2_image_2048"],
    ["SeedVR2-7B", "video", "seedvr2_video_1080"],
    ["my_SEEDVR2_model", undefined, "seedvr2_video_1080"],
    ["RealESRGAN_x4plus", "image", "esrgan_image_2x"],
    ["anything else", "video", "esrgan_video_1920"],
  ])("for the model %s and type %s is %s", async (model, type, chosen) => {
    const task = await submitted({ model, ...(type && { type }) });
    expect(task).toMatchObject({ workflow: chosen, params: { model } });
  });

  test.each([
    ["image", "esrgan_image_2x"],
    ["video", "esrgan_video_1920"],
  ])("is the default of type %s where nothing is named", async (type, chosen) => {
    expect(await submitted({ type })).toMatchObject({ workflow: chosen });
  });

  test("is the one named rather than the model's, and the model's rather than the default", async () => {
    const both = { type: "image", workflow: "esrgan_image_4x", model: "seedvr2" };
    expect(await submitted(both)).toMatchObject({ workflow: "esrgan_image_4x" });
    const { workflow: _, ...model } = both;
    expect(await submitted(model)).toMatchObject({ workflow: "seedvr2_image_2048" });
  });

  test.each(["workflow", "model"])(
    "is the same whether %s is empty, null or left out",
    async (name) => {
      for (const value of ["", null]) {
        const task = await submitted({ type: "image", [name]: value });
        expect(task).toMatchObject({ workflow: "esrgan_image_2x", params: { [name]: null } });
      }
    },
  );
});

describe("fields of older clients", () => {
  test.each([2, "2", 1.5, "4K"])("are kept as they came: %j", async (value) => {
    const old = {
      outscale: value,
      output_magnification: value,
      resolution: value,
      target: value,
    };
    expect((await submitted(old)).params).toMatchObject(old);
  });

  test.each([true, {}, { a: 1 }, [2]])("are refused where they are neither: %j", async (value) => {
    const answer = await api.post({ url: INPUT_URL, outscale: value, target: value });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject(
      ["outscale", "target"].map((field) => ({
        field,
        message: `${field} must be a number or a string`,
      })),
    );
  });
});

describe("parameters", () => {
  test("are resolved: what is given, else the defaults, and a seed", async () => {
    const given = { resolution: 1024, color_correction: "wavelet" };
    const body = { workflow: "seedvr2_image_2048", parameters: given };
    const { parameters } = await submitted(body);
    expect(parameters).toMatchObject({ ...given, max_resolution: 4500 });
    expect(parameters.seed).toEqual(expect.any(Number));
  });

  test("may be null, and numbers may be texts", async () => {
    const body = { workflow: "seedvr2_image_2048", parameters: { resolution: "1024" } };
    expect((await submitted(body)).parameters.resolution).toBe(1024);
    expect((await submitted({ ...body, parameters: null })).parameters.resolution).toBe(2048);
  });

  test("that the workflow cannot take are refused, all at once", async () => {
    const answer = await api.post({
      url: INPUT_URL,
      workflow: "seedvr2_image_2048",
      parameters: { seed: -1, resolution: 1.5, model: "none", unknown: 1 },
    });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    const fields = answer.body.errors.map(({ field }: { field: string }) => field);
    expect(fields.sort()).toEqual([
      "parameters.model",
      "parameters.resolution",
      "parameters.seed",
      "parameters.unknown",
    ]);
    for (const { message } of answer.body.errors) expect(answer.body.detail).toContain(message);
  });
});

describe("priority", () => {
  test.each([
    [0, 0],
    [2, 2],
    ["2", 2],
    [null, 1],
  ])("%j is %i", async (priority, stored) => {
    expect(await submitted({ priority })).toMatchObject({ priority: stored });
  });

  test.each([3, -1, "3", 1.5, "high", true])("%j is refused", async (priority) => {
    const answer = await api.post({ url: INPUT_URL, priority });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "priority" }]);
    expect(answer.body.detail).toContain("priority must be");
  });
});

describe("not_before", () => {
  test("is kept, with six digits, and the task is not begun", async () => {
    const taskId = await api.submit({ not_before: "2099-01-02T03:04:05+01:00", priority: 2 });
    expect((await api.task(taskId)).not_before).toBe("2099-01-02T02:04:05.000000Z");
    await expect(api.hold(taskId)).rejects.toThrow("cannot be leased");
    expect((await api.task(taskId)).status).toBe("pending");
  });

  test("in the past is at once", async () => {
    const taskId = await api.submit({ not_before: "2020-01-01T00:00:00Z" });
    await api.store.settle(await api.hold(taskId), { kind: "handed_back" });
  });

  test.each(["tomorrow", 5, "2026-01-02"])("%j is refused", async (not_before) => {
    const answer = await api.post({ url: INPUT_URL, not_before });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "not_before" }]);
  });
});

describe("an idempotency key", () => {
  const request = { url: INPUT_URL, type: "image", parameters: {} };
  const header = (key: string) => ({ "Idempotency-Key": key });

  test("with the same request gets the first answer again, be it a field or a header", async () => {
    const first = await api.post({ ...request, idempotency_key: "same" });
    expect(first.status).toBe(200);
    const field = await api.post({ ...request, idempotency_key: "same" });
    const named = await api.post({ parameters: {}, type: "image", url: INPUT_URL }, header("same"));
    expect([field.body, named.body]).toEqual([first.body, first.body]);
  });

  test("with another request is a conflict", async () => {
    const taskId = await api.submit({ idempotency_key: "other" });
    for (const answer of [
      await api.post({ url: `${INPUT_URL}?2`, idempotency_key: "other" }),
      await api.post({ url: INPUT_URL, priority: 2 }, header("other")),
    ])
      expectProblem(answer, { status: 409, code: "IDEMPOTENCY_CONFLICT" });
    expect(await api.submit({ idempotency_key: "other" })).toBe(taskId);
  });

  test("used by many at once makes one task", async () => {
    const same = { ...request, idempotency_key: "race" };
    const ids = await Promise.all(Array.from({ length: 10 }, () => api.submit(same)));
    expect(new Set(ids).size).toBe(1);
  });

  test.each(["", "x".repeat(256)])("of a wrong length is refused: %j", async (key) => {
    const answer = await api.post({ url: INPUT_URL, idempotency_key: key });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "idempotency_key" }]);
  });
});

describe("refused before anything is stored:", () => {
  test.each([
    ["no url", {}, "url", "url is required"],
    ["a null url", { url: null }, "url", "url is required"],
    ["an empty url", { url: "" }, "url", "url is required"],
    ["ftp", { url: "ftp://example.com/a.jpg" }, "url", "http://"],
    ["a file", { url: "file:///etc/passwd" }, "url", "http://"],
    ["a local path", { url: "/srv/in.mp4" }, "url", "http://"],
    ["a literal private address", { url: "http://10.1.2.3/a.jpg" }, "url", "10.1.2.3"],
    ["a type outside the two", { url: INPUT_URL, type: "audio" }, "type", "video, image"],
    ["an unknown workflow", { url: INPUT_URL, workflow: "no_such" }, "workflow", '"no_such"'],
    ["a path", { url: INPUT_URL, workflow: "../cpu_image_2x" }, "workflow", "path"],
    ["a path of Windows", { url: INPUT_URL, workflow: "a\\b.json" }, "workflow", "path"],
    ["a parent directory", { url: INPUT_URL, workflow: ".." }, "workflow", '".."'],
  ])("%s", async (_name, body, field, text) => {
    const before = await api.store.counts();
    const answer = await api.post(body);
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toEqual([{ field, message: expect.stringContaining(text) }]);
    expect(answer.body.detail).toContain(answer.body.errors[0].message);
    expect(await api.store.counts()).toEqual(before);
  });

  test("a type that contradicts the workflow, naming both", async () => {
    const answer = await api.post({ url: INPUT_URL, type: "video", workflow: "cpu_image_2x.json" });
    expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
    expect(answer.body.errors).toMatchObject([{ field: "type" }]);
    expect(answer.body.detail).toMatch(/"video".*"cpu_image_2x"/);
  });
});

test("host names are not judged at submit", async () => {
  await api.submit({ url: "http://localhost/a.jpg" });
  await api.submit({ url: "http://nowhere.invalid/a.jpg" });
});

test("a workflow is not refused while the pool's servers are not known", async () => {
  const workflows: { name: string; runnable: boolean }[] = (await api.get("/workflows")).body
    .workflows;
  expect(workflows).toHaveLength(13);
  for (const { name, runnable } of workflows) {
    expect(runnable).toBe(false);
    await api.submit({ workflow: name });
  }
});

describe("with TMLSR_INPUT_ALLOW and TMLSR_INPUT_DIR", () => {
  const open = useTestApp({
    env: { TMLSR_INPUT_ALLOW: "10.0.0.0/8", TMLSR_INPUT_DIR: "/srv/inputs" },
  });

  test.each(["http://10.1.2.3/a.jpg", "file:///srv/inputs/2026/a.jpg"])(
    "%s is taken",
    async (url) => {
      await open.submit({ url });
    },
  );

  test.each(["http://192.168.1.1/a.jpg", "file:///srv/other/a.jpg", "file:///srv/inputs/../a.jpg"])(
    "%s is refused",
    async (url) => {
      const answer = await open.post({ url });
      expectProblem(answer, { status: 400, code: "INVALID_REQUEST" });
      expect(answer.body.errors).toMatchObject([{ field: "url" }]);
    },
  );
});
