import { rm } from "node:fs/promises";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  brief,
  getJson,
  type Listener,
  type Loose,
  listen,
  post,
  scalePrompt,
  smallPicture,
  untilHistory,
  upload,
  upscalePrompt,
} from "../../support/cpu-server-client.js";
import { eventually } from "../../support/eventually.js";

// What ComfyUI 0.3.64 was seen to do on its WebSocket, asked of the CPU server.

let server: TestCpuServer;
let url: string;
const name = "a.png";
let count = 0;

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 3, stepMs: 1 } } });
  url = server.url;
  await upload(url, name, await smallPicture());
});
afterAll(() => server[Symbol.asyncDispose]());

const nextId = () => {
  count += 1;
  return `00000000-0000-4000-8000-${String(count).padStart(12, "0")}`;
};

const submit = async (prompt: Loose, rest: Loose = {}): Promise<string> => {
  const promptId = nextId();
  const answer = await post(`${url}/prompt`, { prompt, prompt_id: promptId, ...rest });
  expect(answer).toMatchObject({ status: 200, body: { prompt_id: promptId, node_errors: {} } });
  return promptId;
};

/** A slow prompt, running; the returned listener hears it. */
const running = async (listener: Listener, clientId: string, stepMs = 50): Promise<string> => {
  await server.set({ simulate: { steps: 2_000, stepMs } });
  const id = await submit(upscalePrompt(name, `slow${count}`), { client_id: clientId });
  await listener.until(({ type, data }) => type === "progress" && data.prompt_id === id);
  return id;
};

describe("a normal run", () => {
  it("is told in ComfyUI's order, the last frame being executing null", async () => {
    await server.set({ simulate: { steps: 2, stepMs: 1 } });
    await using listener = await listen(url, "order");
    const id = await submit(upscalePrompt(name, "order"), { client_id: "order" });
    await listener.untilEnd(id);
    expect(listener.heard.map(brief)).toEqual([
      "status 0",
      ...["status 1", "status 1", "execution_start", "execution_cached"],
      ...["progress_state", "executing 1", "progress_state"],
      ...["progress_state", "executing 2", "progress_state"],
      ...["progress_state", "executing 3"],
      ...["progress_state", "progress 1/2", "progress_state", "progress 2/2", "progress_state"],
      ...["progress_state", "executing 4", "executed 4", "progress_state"],
      ...["execution_success", "status 0", "executing null"],
    ]);
    const executed = listener.heard.find(({ type }) => type === "executed");
    expect(executed?.data).toEqual({
      node: "4",
      display_node: "4",
      output: { images: [{ filename: "order_00001_.png", subfolder: "", type: "output" }] },
      prompt_id: id,
    });
    const state = listener.heard.findLast(({ type }) => type === "progress_state");
    expect(state?.data.nodes["3"]).toEqual({
      ...{ value: 2, max: 2, state: "finished", node_id: "3", prompt_id: id },
      ...{ display_node_id: "3", parent_node_id: null, real_node_id: "3" },
    });
  });

  it("leaves a history entry with its item, outputs and three messages", async () => {
    const prompt = upscalePrompt(name, "deep/er/kept");
    const id = await submit(prompt, {
      client_id: "kept",
      extra_data: { mine: { x: 1 }, api_key_comfy_org: "secret" },
    });
    const entry = await untilHistory(url, id);
    expect(entry.prompt).toEqual([
      expect.any(Number),
      id,
      prompt,
      { mine: { x: 1 }, client_id: "kept" },
      ["4"],
    ]);
    const file = { filename: "kept_00001_.png", subfolder: "deep/er", type: "output" };
    expect(entry.outputs).toEqual({ "4": { images: [file] } });
    expect(entry.status).toMatchObject({ status_str: "success", completed: true });
    expect(entry.status.messages.map(([type]: [string]) => type)).toEqual([
      "execution_start",
      "execution_cached",
      "execution_success",
    ]);
    expect(entry.meta["4"]).toMatchObject({ node_id: "4", parent_node: null, real_node_id: "4" });
  });

  it("tells execution_success before its history entry exists, and executing null after", async () => {
    await server.set({ history: { lateMs: 600_000 } });
    await using listener = await listen(url, "race");
    const id = await submit(scalePrompt(name, "race"), { client_id: "race" });
    await listener.until(({ type, data }) => type === "execution_success" && data.prompt_id === id);
    expect(await getJson(`${url}/history/${id}`)).toEqual({});
    const queue = await getJson(`${url}/queue`);
    expect(queue.queue_running.map((item: Loose) => item[1])).toEqual([id]);
    await server.set({ history: null });
    await listener.untilEnd(id);
    expect(await getJson(`${url}/history/${id}`)).toHaveProperty([id]);
  });

  it("counts every start and end in the log, under the task's id", async () => {
    const id = await submit(scalePrompt(name, "logged"), { extra_data: { tmlsr: { task: "t1" } } });
    await untilHistory(url, id);
    const lines = (await server.log()).filter((entry) => entry.promptId === id);
    expect(lines.map(({ event }) => event)).toEqual(["submitted", "started", "ended"]);
    expect(lines.at(-1)).toMatchObject({ taskId: "t1", outcome: "success" });
    expect(await getJson(`${url}/test/log`)).toEqual(await server.log());
  });
});

describe("the node cache", () => {
  it("repeats the old file name for an equal graph, under any node ids, running nothing", async () => {
    await using listener = await listen(url, "cache");
    const prompt = scalePrompt(name, "cached");
    await listener.untilEnd(await submit(prompt, { client_id: "cache" }));
    const renamed = {
      a: prompt["1"],
      b: { ...prompt["2"], inputs: { ...prompt["2"].inputs, image: ["a", 0] } },
      c: { ...prompt["3"], inputs: { ...prompt["3"].inputs, images: ["b", 0] } },
    };
    const from = listener.heard.length;
    const id = await submit(renamed, { client_id: "cache" });
    await listener.untilEnd(id);
    expect(listener.heard.slice(from).map(brief)).toEqual([
      ...["status 1", "status 1", "execution_start", "execution_cached", "executed c"],
      ...["progress_state", "execution_success", "status 0", "executing null"],
    ]);
    const entry = await untilHistory(url, id);
    expect(entry.outputs["c"].images[0].filename).toBe("cached_00001_.png");
    expect(entry.meta["c"].node_id).toBe("3");
    expect(entry.status.messages[1][1].nodes).toEqual(["a", "b", "c"]);
  });

  it("names a file that was deleted meanwhile", async () => {
    const first = await untilHistory(url, await submit(scalePrompt(name, "gone")));
    await rm(join(server.dir, "output", first.outputs["3"].images[0].filename));
    const again = await untilHistory(url, await submit(scalePrompt(name, "gone")));
    expect(again.outputs).toEqual(first.outputs);
    expect((await fetch(`${url}/view?filename=gone_00001_.png`)).status).toBe(404);
  });

  it("remembers the previous prompt only, and nothing after /free", async () => {
    const cached = async (prefix: string): Promise<string[]> => {
      const entry = await untilHistory(url, await submit(scalePrompt(name, prefix, 24)));
      return entry.status.messages[1][1].nodes;
    };
    await cached("x");
    expect(await cached("x")).toEqual(["1", "2", "3"]);
    expect(await cached("y")).toEqual(["1", "2"]);
    expect(await cached("x")).toEqual(["1", "2"]);
    expect((await post(`${url}/free`, { free_memory: true })).status).toBe(200);
    expect(await cached("x")).toEqual([]);
  });

  it("sees a file's new content under its old name", async () => {
    await upload(url, "same.png", await smallPicture(4, 4, 1), { overwrite: "true" });
    await untilHistory(url, await submit(scalePrompt("same.png", "content")));
    await upload(url, "same.png", await smallPicture(4, 4, 2), { overwrite: "true" });
    const entry = await untilHistory(url, await submit(scalePrompt("same.png", "content")));
    expect(entry.status.messages[1][1].nodes).toEqual([]);
    expect(entry.outputs["3"].images[0].filename).toBe("content_00002_.png");
  });
});

describe("a run that fails", () => {
  it("tells execution_error, status, executing null, and keeps what other branches made", async () => {
    await server.set({
      nodes: [{ fault: "fail", count: 1, classType: "SaveImage", message: "boom" }],
    });
    await using listener = await listen(url, "fails");
    const prompt = scalePrompt(name, "fails");
    prompt["9"] = { class_type: "PreviewImage", inputs: { images: ["1", 0] } };
    const id = await submit(prompt, { client_id: "fails" });
    await listener.untilEnd(id);
    expect(listener.heard.slice(-4).map(brief)).toEqual([
      ...["executing 3", "execution_error", "status 0", "executing null"],
    ]);
    const error = listener.heard.at(-3)?.data;
    expect(error).toMatchObject({
      node_id: "3",
      node_type: "SaveImage",
      exception_type: "ValueError",
    });
    expect(error.exception_message).toBe("boom\n");
    expect(error.traceback.every((line: unknown) => typeof line === "string")).toBe(true);
    const entry = await untilHistory(url, id);
    expect(entry.status).toMatchObject({ status_str: "error", completed: false });
    expect(entry.status.messages.at(-1)).toEqual(["execution_error", error]);
    expect(entry.outputs["9"].images[0].type).toBe("temp");
  });

  it("says what ran out of memory, with ComfyUI's tip", async () => {
    const exceptionType = "torch.OutOfMemoryError";
    await server.set({
      nodes: [{ fault: "fail", count: 1, exceptionType, message: "Allocation" }],
    });
    const entry = await untilHistory(url, await submit(scalePrompt(name, "oom")));
    const [, error] = entry.status.messages.at(-1);
    expect(error.exception_type).toBe(exceptionType);
    expect(error.exception_message).toMatch(/^Allocation\nThis error means you ran out of memory/);
  });

  it("fails at run time for a damaged picture and for a model it does not have", async () => {
    await upload(url, "bad.png", "no picture");
    const damaged = await untilHistory(url, await submit(scalePrompt("bad.png", "bad")));
    expect(damaged.status.messages.at(-1)[1].exception_type).toBe("PIL.UnidentifiedImageError");
    const unknown = await untilHistory(url, await submit(upscalePrompt(name, "bad", "nope.pth")));
    expect(unknown.status.messages.at(-1)[1].exception_type).toBe("FileNotFoundError");
  });
});

describe("interrupting", () => {
  it("ends the running prompt at its next step; history says error", async () => {
    await using listener = await listen(url, "stop");
    const id = await running(listener, "stop");
    expect(await post(`${url}/interrupt`, { prompt_id: id })).toEqual({ status: 200, body: "" });
    await listener.untilEnd(id);
    const ended = listener.heard.at(-3);
    expect(ended?.type).toBe("execution_interrupted");
    expect(ended?.data).toMatchObject({ node_id: "3", node_type: "ImageUpscaleWithModel" });
    const entry = await untilHistory(url, id);
    expect(entry.status).toMatchObject({ status_str: "error", completed: false });
    expect(entry.status.messages.at(-1)[0]).toBe("execution_interrupted");
    const events = (await server.log()).filter((line) => line.promptId === id);
    expect(events.map(({ event }) => event).slice(-2)).toEqual(["interrupted", "ended"]);
  });

  it("does nothing to another prompt's id, and to a running one by /queue delete", async () => {
    await using listener = await listen(url, "other");
    const id = await running(listener, "other");
    const waiting = await submit(scalePrompt(name, "waiting"), { client_id: "other" });
    expect((await post(`${url}/interrupt`, { prompt_id: waiting })).status).toBe(200);
    expect((await post(`${url}/queue`, { delete: [id] })).status).toBe(200);
    const seen = listener.heard.length;
    await listener.until(
      (event) => listener.heard.indexOf(event) >= seen && event.type === "progress",
    );
    const queue = await getJson(`${url}/queue`);
    expect(queue.queue_running[0][1]).toBe(id);
    expect(queue.queue_pending[0][1]).toBe(waiting);
    await post(`${url}/interrupt`, "");
    await listener.untilEnd(waiting);
    expect((await untilHistory(url, waiting)).status.status_str).toBe("success");
  });

  it("is noticed only by the next node where the running one does not listen", async () => {
    await server.set({ simulate: { steps: 2_000, stepMs: 20, uninterruptible: true } });
    await using listener = await listen(url, "deaf-node");
    const id = await submit(upscalePrompt(name, "deafnode"), { client_id: "deaf-node" });
    await listener.until(({ type, data }) => type === "executing" && data.node === "3");
    await post(`${url}/interrupt`, { prompt_id: id });
    await server.set({ simulate: { steps: 1, stepMs: 1 } });
    await listener.untilEnd(id);
    expect(listener.heard.at(-3)?.data).toMatchObject({ node_id: "4", node_type: "SaveImage" });
  });

  it("while idle does nothing to the next prompt", async () => {
    await eventually(async () => (await getJson(`${url}/prompt`)).exec_info.queue_remaining === 0);
    await post(`${url}/interrupt`);
    const entry = await untilHistory(url, await submit(scalePrompt(name, "afterwards")));
    expect(entry.status.status_str).toBe("success");
  });
});
