import { once } from "node:events";
import sharp from "sharp";
import { WebSocket } from "ws";
import { eventually } from "./eventually.js";

// A bare client for tests of the CPU server. It uses only fetch and WebSocket, not the service's
// own client.

/** A JSON object whose fields a test looks into as it likes. */
// biome-ignore lint/suspicious/noExplicitAny: answers are looked into as they come
export type Loose = any;

/** One text event as it arrived. */
export interface Heard {
  readonly type: string;
  readonly data: Loose;
}

/** A WebSocket that keeps everything it receives. */
export interface Listener extends AsyncDisposable {
  readonly socket: WebSocket;
  readonly heard: readonly Heard[];
  /** Binary frames, and text frames that are not a JSON object. */
  readonly junk: readonly Buffer[];
  /** Waits for an event. */
  until(isIt: (event: Heard) => boolean): Promise<Heard>;
  /** Waits for the last event of a prompt. */
  untilEnd(promptId: string): Promise<Heard>;
}

/** Opens a WebSocket and waits for the first frame. */
export async function listen(url: string, clientId = "", path = "/ws"): Promise<Listener> {
  const heard: Heard[] = [];
  const junk: Buffer[] = [];
  const socket = new WebSocket(`${url.replace("http", "ws")}${path}?clientId=${clientId}`);
  socket.on("error", () => undefined);
  socket.on("message", (frame: Buffer, isBinary) => {
    const message = isBinary ? undefined : parse(frame);
    if (message?.type === undefined || message.data === undefined) junk.push(frame);
    else heard.push(message);
  });
  await once(socket, "open");
  const until = (isIt: (event: Heard) => boolean) =>
    eventually(() => {
      const found = heard.find(isIt);
      if (found === undefined) throw new Error(`Not heard: ${heard.map(brief).join(", ")}`);
      return found;
    });
  return {
    ...{ socket, heard, junk, until },
    untilEnd: (promptId) =>
      until(
        ({ type, data }) =>
          type === "executing" && data.node === null && data.prompt_id === promptId,
      ),
    [Symbol.asyncDispose]: async () => {
      if (socket.readyState === WebSocket.CLOSED) return;
      const closed = once(socket, "close");
      socket.terminate();
      await closed;
    },
  };
}

function parse(frame: Buffer): Loose {
  try {
    return JSON.parse(frame.toString("utf8"));
  } catch {
    return undefined;
  }
}

/** `type` and the fields that distinguish events of one type, for comparing whole sequences. */
export function brief({ type, data }: Heard): string {
  if (type === "status") return `status ${data.status.exec_info.queue_remaining}`;
  if (type === "executing" || type === "executed") return `${type} ${data.node}`;
  if (type === "progress") return `progress ${data.value}/${data.max}`;
  return type;
}

/** Sends a GET request and returns the JSON. */
export async function getJson(url: string): Promise<Loose> {
  const response = await fetch(url);
  return await response.json();
}

/** Sends JSON and returns status and body. The body is parsed if it is JSON. */
export async function post(url: string, body?: unknown): Promise<{ status: number; body: Loose }> {
  const sent = typeof body === "string" || body === undefined ? body : JSON.stringify(body);
  const response = await fetch(url, {
    method: "POST",
    ...(sent === undefined ? {} : { body: sent }),
  });
  const text = await response.text();
  return { status: response.status, body: parse(Buffer.from(text)) ?? text };
}

/** Uploads a file and returns status and body. */
export async function upload(
  url: string,
  name: string,
  content: Uint8Array<ArrayBuffer> | string,
  fields: Readonly<Record<string, string>> = {},
): Promise<{ status: number; body: Loose }> {
  const form = new FormData();
  for (const [key, value] of Object.entries(fields)) form.append(key, value);
  form.append("image", new Blob([content]), name);
  const response = await fetch(`${url}/upload/image`, { method: "POST", body: form });
  const text = await response.text();
  return { status: response.status, body: parse(Buffer.from(text)) ?? text };
}

/** A small PNG of one colour. */
export async function smallPicture(
  width = 8,
  height = 6,
  red = 200,
): Promise<Uint8Array<ArrayBuffer>> {
  const background = { r: red, g: 100, b: 50 };
  const png = await sharp({ create: { width, height, channels: 3, background } })
    .png()
    .toBuffer();
  return new Uint8Array(png);
}

/**
 * LoadImage -> UpscaleModelLoader -> ImageUpscaleWithModel -> SaveImage. With a new prefix the
 * server computes again instead of using its cache.
 */
export function upscalePrompt(image: string, prefix: string, model = "anime4k-cnn-x2"): Loose {
  return {
    "1": { class_type: "LoadImage", inputs: { image } },
    "2": { class_type: "UpscaleModelLoader", inputs: { model_name: model } },
    "3": {
      class_type: "ImageUpscaleWithModel",
      inputs: { upscale_model: ["2", 0], image: ["1", 0], nobody_knows: prefix },
    },
    "4": { class_type: "SaveImage", inputs: { images: ["3", 0], filename_prefix: prefix } },
  };
}

/** LoadImage -> ImageScale -> SaveImage, which takes hardly any time. */
export function scalePrompt(image: string, prefix: string, width = 16): Loose {
  const scale = { upscale_method: "bicubic", width, height: 0, crop: "disabled" };
  return {
    "1": { class_type: "LoadImage", inputs: { image } },
    "2": { class_type: "ImageScale", inputs: { image: ["1", 0], ...scale } },
    "3": { class_type: "SaveImage", inputs: { images: ["2", 0], filename_prefix: prefix } },
  };
}

/** Waits until a prompt is in history. */
export async function untilHistory(url: string, promptId: string): Promise<Loose> {
  const check = async () => (await getJson(`${url}/history/${promptId}`))[promptId] ?? false;
  return await eventually(check);
}
