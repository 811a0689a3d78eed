import { once } from "node:events";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { type SwitchInput, startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
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

// That each test switch does to the server what tests of the service rely on.

const start = async (switches: SwitchInput = {}): Promise<TestCpuServer> => {
  const simulate = { steps: 2, stepMs: 1 };
  const server = await startCpuServer({ switches: { simulate, ...switches } });
  await upload(server.url, "a.png", await smallPicture());
  return server;
};
const submit = async ({ url }: TestCpuServer, prompt: Loose, rest: Loose = {}): Promise<string> =>
  (await post(`${url}/prompt`, { prompt, ...rest })).body.prompt_id;
const events = async (server: TestCpuServer) => (await server.log()).map(({ event }) => event);

describe("switches", () => {
  it("can be set at run time, set back with null, and are refused when unknown", async () => {
    await using server = await start();
    await server.set({ modelLoadMs: 5, newer: true });
    expect(await getJson(`${server.url}/test/switches`)).toMatchObject({ modelLoadMs: 5 });
    await server.set({ modelLoadMs: null });
    expect(await getJson(`${server.url}/test/switches`)).toEqual({
      simulate: { steps: 2, stepMs: 1, uninterruptible: false },
      newer: true,
    });
    await expect(server.set({ nonsense: true } as never)).rejects.toThrow("nonsense");
  });
});

describe("models", () => {
  it("load when they differ from the last, block that long, and are counted", async () => {
    await using server = await start({ modelLoadMs: 200 });
    const timed = async (model: string, prefix: string): Promise<number> => {
      const id = await submit(server, upscalePrompt("a.png", prefix, model));
      const { messages } = (await untilHistory(server.url, id)).status;
      return messages.at(-1)[1].timestamp - messages[0][1].timestamp;
    };
    expect(await timed("anime4k-cnn-x2", "m1")).toBeGreaterThanOrEqual(200);
    await untilHistory(server.url, await submit(server, scalePrompt("a.png", "between")));
    await timed("anime4k-cnn-x2", "m2");
    await timed("anime4k-cnn-x4", "m3");
    const loads = (await server.log()).filter(({ event }) => event === "ended");
    expect(loads.map(({ modelLoads }) => modelLoads)).toEqual([1, 1, 1, 2]);
    await post(`${server.url}/free`, { unload_models: true, free_memory: true });
    await timed("anime4k-cnn-x4", "m4");
    expect((await server.log()).at(-1)?.modelLoads).toBe(3);
  });
});

describe("nodes", () => {
  it("fail for so many prompts, at the class that is named", async () => {
    await using server = await start();
    const message = "CUDA error: an illegal memory access was encountered";
    const fault = { fault: "fail" as const, exceptionType: "RuntimeError", message };
    await server.set({ nodes: [{ ...fault, classType: "ImageScale", count: 2 }] });
    const outcomes: string[] = [];
    for (const prefix of ["f1", "f2", "f3"]) {
      const id = await submit(server, scalePrompt("a.png", prefix));
      outcomes.push((await untilHistory(server.url, id)).status.status_str);
    }
    expect(outcomes).toEqual(["error", "error", "success"]);
  });

  it("hang, while HTTP answers and interrupts are taken without effect", async () => {
    await using server = await start({ nodes: [{ fault: "hang", classType: "SaveImage" }] });
    await using listener = await listen(server.url, "hangs");
    const id = await submit(server, scalePrompt("a.png", "hangs"), { client_id: "hangs" });
    // Before that node an interrupt would end the prompt.
    await listener.until(({ type, data }) => type === "executing" && data.node === "3");
    expect((await post(`${server.url}/interrupt`, { prompt_id: id })).status).toBe(200);
    expect(await events(server)).toContain("interrupted");
    const queue = await getJson(`${server.url}/queue`);
    expect(queue.queue_running[0][1]).toBe(id);
  });

  it("crash the process in mid-node; the log tells, and a restart has forgotten all but files", async () => {
    await using server = await start({ simulate: { steps: 2_000, stepMs: 20 } });
    await server.set({
      nodes: [{ fault: "crash", classType: "ImageUpscaleWithModel", afterMs: 500 }],
    });
    await using listener = await listen(server.url, "crash");
    const closed = once(listener.socket, "close");
    const id = await submit(server, upscalePrompt("a.png", "crash"), { client_id: "crash" });
    await server.ended();
    expect((await closed)[0]).toBe(1006);
    expect(listener.heard.some(({ type }) => type === "progress")).toBe(true);
    expect((await server.log()).map(({ event, promptId }) => [event, promptId])).toEqual([
      ["submitted", id],
      ["started", id],
    ]);
    await upload(server.url, "x.png", "x").catch(() => undefined);
    const { url } = server;
    await server.restart();
    expect(server.url).toBe(url);
    expect(await getJson(`${url}/queue`)).toEqual({ queue_running: [], queue_pending: [] });
    expect(await getJson(`${url}/history/${id}`)).toEqual({});
    const again = await post(`${url}/prompt`, { prompt: scalePrompt("a.png", "after") });
    expect(again.body.number).toBe(0);
  });
});

describe("the worker", () => {
  it("dead, takes no prompt, though all answers are well", async () => {
    await using server = await start({ workerDead: true });
    const id = await submit(server, scalePrompt("a.png", "waits"));
    const queue = await getJson(`${server.url}/queue`);
    expect([queue.queue_running.length, queue.queue_pending.length]).toEqual([0, 1]);
    await server.set({ workerDead: null });
    await untilHistory(server.url, id);
  });
});

describe("HTTP", () => {
  it("answers something else in place of the work, for so many requests", async () => {
    await using server = await start();
    await server.set({
      http: [{ path: "/prompt", method: "POST", fault: "answer", status: 500, count: 2 }],
    });
    const statuses: number[] = [];
    for (const prefix of ["s1", "s2", "s3"]) {
      statuses.push(
        (await post(`${server.url}/api/prompt`, { prompt: scalePrompt("a.png", prefix) })).status,
      );
    }
    expect(statuses).toEqual([500, 500, 200]);
    await eventually(async () => (await events(server)).includes("ended"));
    expect((await events(server)).filter((event) => event === "submitted")).toHaveLength(1);
  });

  it("answers nonsense", async () => {
    await using server = await start();
    const html = { status: 200, contentType: "text/html", body: "<html>" };
    await server.set({
      http: [
        { path: "/queue", fault: "answer", ...html },
        { path: "/history/*", fault: "answer", status: 200, body: '{"x": 5}', when: "after" },
      ],
    });
    const page = await fetch(`${server.url}/queue`);
    expect([page.headers.get("content-type"), await page.text()]).toEqual(["text/html", "<html>"]);
    expect(await getJson(`${server.url}/history/x`)).toEqual({ x: 5 });
    expect(await getJson(`${server.url}/history`)).toEqual({});
  });

  it("accepts and never answers", async () => {
    await using server = await start();
    await server.set({ http: [{ path: "*", fault: "black-hole" }] });
    const asked = fetch(`${server.url}/queue`, { signal: AbortSignal.timeout(200) });
    await expect(asked).rejects.toMatchObject({ name: "TimeoutError" });
    const socket = new WebSocket(`${server.url.replace("http", "ws")}/ws`, {
      handshakeTimeout: 100,
    });
    expect((await once(socket, "error"))[0].message).toMatch("handshake has timed out");
    await server.set({ http: null });
    expect((await fetch(`${server.url}/queue`)).status).toBe(200);
  });

  it.each(["cut", "delay", "crash", "black-hole"] as const)(
    "queues a prompt and then its answer meets %s",
    async (fault) => {
      await using server = await start();
      const target = { path: "/prompt", method: "POST", count: 1, when: "after" as const };
      await server.set({
        http: [{ ...target, ...(fault === "delay" ? { fault, ms: 600_000 } : { fault }) }],
      });
      const body = JSON.stringify({ prompt: scalePrompt("a.png", "once"), prompt_id: "once" });
      const stop = new AbortController();
      const asked = fetch(`${server.url}/prompt`, { method: "POST", body, signal: stop.signal });
      const failed = expect(asked).rejects.toThrow();
      await eventually(async () => (await events(server)).includes("submitted"));
      if (fault === "delay" || fault === "black-hole") stop.abort();
      await failed;
      if (fault === "crash") {
        await server.ended();
        expect((await events(server))[0]).toBe("submitted");
      } else {
        await untilHistory(server.url, "once");
      }
    },
  );

  it("crashes at submit before anything is queued", async () => {
    await using server = await start();
    await server.set({ http: [{ path: "/prompt", method: "POST", fault: "crash" }] });
    const asked = post(`${server.url}/prompt`, { prompt: scalePrompt("a.png", "never") });
    await expect(asked).rejects.toThrow();
    await server.ended();
    expect(await events(server)).toEqual([]);
  });

  it("sends files slowly, in part, and not at all", async () => {
    await using server = await start();
    await upload(server.url, "f.bin", "x".repeat(1000), { type: "output" });
    const view = `${server.url}/view?filename=f.bin`;
    await server.set({ http: [{ path: "/view", fault: "truncate", bytes: 300, count: 1 }] });
    const cut = await fetch(view);
    expect(cut.headers.get("content-length")).toBe("1000");
    let received = 0;
    const reading = (async () => {
      for await (const chunk of cut.body ?? []) received += chunk.length;
    })();
    await expect(reading).rejects.toThrow();
    expect(received).toBe(300);
    expect((await (await fetch(view)).text()).length).toBe(1000);
    await server.set({ http: [{ path: "/view", fault: "throttle", bytesPerSecond: 4000 }] });
    const startedAt = performance.now();
    expect((await (await fetch(view)).text()).length).toBe(1000);
    expect(performance.now() - startedAt).toBeGreaterThan(150);
    await server.set({ http: [{ path: "/view", fault: "answer", status: 404 }] });
    expect((await fetch(view)).status).toBe(404);
  });
});

describe("WebSockets", () => {
  it("stay silent, or speak nonsense in between", async () => {
    await using server = await start({ ws: "silent" });
    await using silent = await listen(server.url, "silent");
    await untilHistory(
      server.url,
      await submit(server, scalePrompt("a.png", "s"), { client_id: "silent" }),
    );
    expect(silent.heard).toEqual([]);
    await server.set({ ws: "junk" });
    await using listener = await listen(server.url, "junk");
    const id = await submit(server, scalePrompt("a.png", "j"), { client_id: "junk" });
    await listener.untilEnd(id);
    expect(listener.junk.length).toBeGreaterThan(10);
  });
});

describe("history", () => {
  it("leaves a gap in which a prompt is in neither queue nor history", async () => {
    await using server = await start({ history: { gapMs: 600_000 } });
    await using listener = await listen(server.url, "gap");
    const id = await submit(server, scalePrompt("a.png", "gap"), { client_id: "gap" });
    await listener.untilEnd(id);
    expect((await getJson(`${server.url}/prompt`)).exec_info.queue_remaining).toBe(0);
    expect(await getJson(`${server.url}/history/${id}`)).toEqual({});
    await server.set({ history: null });
    await untilHistory(server.url, id);
  });

  it("forgets, while the file stays", async () => {
    await using server = await start({ history: { forgetAfterMs: 0 } });
    await using listener = await listen(server.url, "forget");
    const first = await submit(server, scalePrompt("a.png", "lost"), { client_id: "forget" });
    await listener.untilEnd(first);
    expect(await getJson(`${server.url}/history/${first}`)).toEqual({});
    expect((await fetch(`${server.url}/view?filename=lost_00001_.png`)).status).toBe(200);
    await server.set({ history: { forgetAfterMs: 2_000 } });
    const second = await submit(server, scalePrompt("a.png", "later"));
    await untilHistory(server.url, second);
    await eventually(
      async () => (await getJson(`${server.url}/history/${second}`))[second] === undefined,
    );
  });
});

describe("outputs", () => {
  it.each(["unlisted", "deleted", "empty"] as const)("can be %s", async (output) => {
    await using server = await start({ output });
    const entry = await untilHistory(server.url, await submit(server, scalePrompt("a.png", "o")));
    expect(entry.status.status_str).toBe("success");
    const path = join(server.dir, "output/o_00001_.png");
    if (output === "unlisted") {
      expect(entry.outputs).toEqual({});
      expect((await readFile(path)).length).toBeGreaterThan(0);
    } else {
      expect(entry.outputs["3"].images[0].filename).toBe("o_00001_.png");
      const size = await stat(path).then(
        (found) => found.size,
        () => undefined,
      );
      expect(size).toBe(output === "empty" ? 0 : undefined);
    }
  });
});

describe("unknown fields", () => {
  it("are in every answer and every event", async () => {
    await using server = await start({ extraFields: true });
    await using listener = await listen(server.url, "extra");
    const id = await submit(server, scalePrompt("a.png", "e"), { client_id: "extra" });
    const end = await listener.untilEnd(id);
    expect(end.data).toHaveProperty("unknown_field");
    expect(await getJson(`${server.url}/queue`)).toHaveProperty("unknown_field");
  });
});

describe("memory", () => {
  it("is what the switch says, on a graphics card", async () => {
    await using server = await start({ memory: { deviceBytes: 24, machineBytes: 64 } });
    const stats = await getJson(`${server.url}/system_stats`);
    expect(stats.system).toMatchObject({ ram_total: 64, comfyui_version: expect.any(String) });
    expect(stats.devices).toMatchObject([{ type: "cuda", vram_total: 24 }]);
  });
});

describe("a newer server", () => {
  it("has jobs, insists on UUIDs, and checks the newer combos", async () => {
    await using server = await start({ newer: true, simulate: { steps: 2_000, stepMs: 20 } });
    const { url } = server;
    const refused = await post(`${url}/prompt`, { prompt: {}, prompt_id: "None" });
    expect([refused.status, refused.body.error.type]).toEqual([400, "invalid_prompt_id"]);
    const combo = await post(`${url}/prompt`, { prompt: upscalePrompt("a.png", "n", "nope.pth") });
    expect(combo.body.node_errors["2"].errors[0].type).toBe("value_not_in_list");
    const unknown = await post(`${url}/prompt`, {
      prompt: { "1": { class_type: "No", inputs: {} } },
    });
    expect(unknown.body.error.type).toBe("missing_node_type");
    const running = await submit(server, upscalePrompt("a.png", "job"), { prompt_id: null });
    const waiting = await submit(server, scalePrompt("a.png", "job2"));
    expect(await getJson(`${url}/api/jobs/${waiting}`)).toMatchObject({ status: "pending" });
    await eventually(
      async () => (await getJson(`${url}/api/jobs/${running}`)).status === "in_progress",
    );
    expect((await post(`${url}/api/jobs/${waiting}/cancel`)).body).toEqual({ cancelled: true });
    expect((await post(`${url}/api/jobs/${running}/cancel`)).body).toEqual({ cancelled: true });
    expect((await fetch(`${url}/api/jobs/${waiting}`)).status).toBe(404);
    await untilHistory(url, running);
    const { jobs, pagination } = await getJson(`${url}/api/jobs?status=cancelled&limit=1`);
    expect([jobs[0].id, pagination.total]).toEqual([running, 1]);
    expect((await post(`${url}/api/jobs/${running}/cancel`)).body).toEqual({ cancelled: false });
  });
});
