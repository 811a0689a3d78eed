import { once } from "node:events";
import { createConnection } from "node:net";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  brief,
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

// Who hears what, as ComfyUI 0.3.64 was seen to do it, its faults included.

let server: TestCpuServer;
let url: string;
let count = 0;

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 2, stepMs: 1 } } });
  url = server.url;
  await upload(url, "a.png", await smallPicture());
});
afterAll(() => server[Symbol.asyncDispose]());

const submit = async (prompt: Loose, rest: Loose = {}): Promise<string> => {
  const answer = await post(`${url}/prompt`, { prompt, ...rest });
  return answer.body.prompt_id;
};
const freshPrompt = (): Loose => {
  count += 1;
  return scalePrompt("a.png", `sockets${count}`);
};
/** Many nodes that do nothing. */
const longPrompt = (length: number): Loose => {
  const prompt = freshPrompt();
  const nothing = { upscale_method: "bicubic", width: 0, height: 0, crop: "disabled" };
  for (let id = 100; id < 100 + length; id += 1) {
    const image = [id === 100 ? "2" : String(id - 1), 0];
    prompt[id] = { class_type: "ImageScale", inputs: { ...nothing, image } };
  }
  prompt["3"].inputs.images = [String(99 + length), 0];
  return prompt;
};
const types = (listener: Listener, promptId: string): string[] =>
  listener.heard.filter(({ data }) => data.prompt_id === promptId).map(({ type }) => type);

describe("connecting", () => {
  it("tells the status first, with the client id or one of the server's, also under /api", async () => {
    await using own = await listen(url, "mine", "/api/ws");
    await using minted = await listen(url);
    const first = await own.until(() => true);
    expect(first).toEqual({
      type: "status",
      data: { status: { exec_info: { queue_remaining: 0 } }, sid: "mine" },
    });
    expect((await minted.until(() => true)).data.sid).toMatch(/^[0-9a-f]{32}$/);
  });

  it("answers feature flags in the first message that can be parsed, and ignores all else", async () => {
    await using listener = await listen(url, "flags");
    listener.socket.send("junk {");
    listener.socket.send(Buffer.from([1, 2, 3]));
    listener.socket.send('{"type":"feature_flags","data":{"supports_preview_metadata":true}}');
    listener.socket.send('{"type":"feature_flags","data":{}}');
    const { data } = await listener.until(({ type }) => type === "feature_flags");
    expect(data).toEqual({ supports_preview_metadata: true, max_upload_size: 104857600 });
    await untilHistory(url, await submit(freshPrompt()));
    await listener.until(({ type }) => type === "progress_state");
    expect(listener.heard.filter(({ type }) => type === "feature_flags")).toHaveLength(1);
  });

  it("refuses a foreign origin and another path", async () => {
    const statusOf = async (path: string, options = {}) => {
      const socket = new WebSocket(`${url.replace("http", "ws")}${path}`, options);
      socket.on("error", () => undefined);
      const [, response] = await once(socket, "unexpected-response");
      return response.statusCode;
    };
    expect(await statusOf("/ws", { origin: "http://evil.example" })).toBe(403);
    expect(await statusOf("/other")).toBe(404);
    expect(await statusOf("//")).toBe(404);
  });
});

describe("routing", () => {
  it("sends a prompt's events to its client alone, and status to all", async () => {
    await using mine = await listen(url, "route-a");
    await using other = await listen(url, "route-b");
    const id = await submit(freshPrompt(), { client_id: "route-a" });
    await mine.untilEnd(id);
    await other.until(({ type, data }) => type === "status" && data.sid === undefined);
    expect(types(mine, id)).toContain("execution_success");
    expect(types(other, id)).toEqual([]);
  });

  it("takes the client id from the extra data too", async () => {
    await using listener = await listen(url, "extra");
    const id = await submit(freshPrompt(), { extra_data: { client_id: "extra" } });
    expect((await listener.untilEnd(id)).data.node).toBeNull();
  });

  it("without a client id tells progress to everybody and everything else to nobody", async () => {
    await server.set({ simulate: { steps: 2, stepMs: 1 } });
    await using listener = await listen(url, "anybody");
    const id = await submit(upscalePrompt("a.png", "anonymous"));
    await untilHistory(url, id);
    await listener.until(({ data }) => data.status?.exec_info.queue_remaining === 0 && !data.sid);
    expect(new Set(types(listener, id))).toEqual(new Set(["progress", "progress_state"]));
  });

  it("without a client id tells an interrupt to everybody", async () => {
    await server.set({ simulate: { steps: 2_000, stepMs: 20 } });
    await using listener = await listen(url, "anybody");
    const id = await submit(upscalePrompt("a.png", "anonymous2"));
    await listener.until(({ type, data }) => type === "progress" && data.prompt_id === id);
    await post(`${url}/interrupt`, { prompt_id: id });
    await listener.until(({ type }) => type === "execution_interrupted");
  });

  it("tells of a deleted prompt nothing but a status", async () => {
    await server.set({ simulate: { steps: 2_000, stepMs: 20 } });
    await using listener = await listen(url, "deleted");
    const first = await submit(upscalePrompt("a.png", "holds"), { client_id: "deleted" });
    await listener.until(({ type, data }) => type === "progress" && data.prompt_id === first);
    const waiting = await submit(freshPrompt(), { client_id: "deleted" });
    await post(`${url}/queue`, { delete: [waiting] });
    await post(`${url}/interrupt`, { prompt_id: first });
    await listener.untilEnd(first);
    expect(types(listener, waiting)).toEqual([]);
    expect((await post(`${url}/queue`, { clear: true })).status).toBe(200);
    const line = (await server.log()).findLast(({ promptId }) => promptId === waiting);
    expect(line?.event).toBe("deleted");
  });
});

describe("coming back", () => {
  it("in mid-run hears the running node without a prompt id, then what follows", async () => {
    await server.set({ simulate: { steps: 2_000, stepMs: 20 } });
    const first = await listen(url, "back");
    const id = await submit(upscalePrompt("a.png", "back"), { client_id: "back" });
    await first.until(({ type }) => type === "progress");
    await first[Symbol.asyncDispose]();
    await using second = await listen(url, "back");
    await second.until(({ type }) => type === "progress");
    expect(second.heard[0]?.data.sid).toBe("back");
    expect(second.heard[1]).toEqual({ type: "executing", data: { node: "3" } });
    await post(`${url}/interrupt`, { prompt_id: id });
    await second.untilEnd(id);
    await using third = await listen(url, "back");
    await third.until(() => true);
    expect(third.heard.map(brief)).toEqual(["status 0"]);
  });

  it("under the same id takes over, and goes deaf when the older socket closes", async () => {
    const older = await listen(url, "twin");
    await using newer = await listen(url, "twin");
    const first = await submit(freshPrompt(), { client_id: "twin" });
    await newer.untilEnd(first);
    expect(types(older, first)).toEqual([]);
    await older[Symbol.asyncDispose]();
    const before = newer.heard.length;
    await using witness = await listen(url, "witness");
    const second = await submit(freshPrompt(), { client_id: "twin" });
    await untilHistory(url, second);
    await witness.until(({ data }) => data.status?.exec_info.queue_remaining === 0 && !data.sid);
    expect(newer.heard.length).toBe(before);
    expect(newer.socket.readyState).toBe(WebSocket.OPEN);
  });
});

describe("a client that stops reading", () => {
  it("holds up everybody's events, while HTTP goes on, until it is gone", async () => {
    const { hostname, port } = new URL(url);
    const stalled = createConnection(Number(port), hostname);
    stalled.write(
      "GET /ws?clientId=stalled HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    await once(stalled, "data");
    stalled.pause();
    await using healthy = await listen(url, "healthy");
    // No client id: its progress, which lists all nodes each time, goes to everybody.
    const flood = await submit(longPrompt(400));
    await untilHistory(url, flood);
    const id = await submit(freshPrompt(), { client_id: "healthy" });
    await untilHistory(url, id);
    expect(types(healthy, id)).toEqual([]);
    stalled.destroy();
    await healthy.untilEnd(id);
  });
});

describe("dropped sockets", () => {
  it("close without a close frame", async () => {
    await using listener = await listen(url, "dropped");
    const closed = once(listener.socket, "close");
    await server.set({ dropSockets: true });
    expect((await closed)[0]).toBe(1006);
    await eventually(() => listener.socket.readyState === WebSocket.CLOSED);
  });
});
