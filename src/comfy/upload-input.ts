/**
 * `POST /upload/image`, which takes any file. ComfyUI 0.3.64: fields `image`, `overwrite` (exactly
 * "true"), `subfolder`, `type`; the answer names the file, not always as it was sent; more than
 * `--max-upload-size` (100 MB unless set) is answered with 413 in the midst of sending.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Deadline } from "../lib/deadline.js";
import { callError, statusError } from "./comfy-errors.js";
import type { ComfyHttp } from "./comfy-http.js";
import type { Transfer } from "./transfer.js";
import { uploadedSchema } from "./wire.js";

/** Where an input goes. Printable ASCII without quotes and backslashes: servers store other names differently. */
export interface InputPlace {
  /** Below the server's input directory, made when it is not there; "" for the directory itself. */
  readonly subfolder: string;
  readonly fileName: string;
  /** What the file on this side has; it must not change meanwhile. */
  readonly sizeBytes: number;
}

/**
 * Sends a file, replacing one of the same name.
 *
 * A hand-made multipart body with its length known beforehand moves a file five times as fast as
 * `fetch` with FormData, which keeps all of it in memory.
 *
 * @returns what a node's file input takes: `subfolder/name` as the server answered.
 * @throws TaskError INPUT_TOO_LARGE, and those of the server family
 */
export async function uploadInput(
  http: ComfyHttp,
  path: string,
  place: InputPlace,
  transfer: Transfer,
): Promise<string> {
  if (!SENDABLE.test(place.fileName) || !SENDABLE.test(place.subfolder || "-")) {
    throw new TypeError("Input names must be printable ASCII without quotes and backslashes");
  }
  const call = { action: `send input "${place.fileName}" to`, signal: transfer.signal };
  const answer = await http.translated(call, () => send(http, path, place, transfer));
  if (answer.statusCode === 413) throw tooLarge(http, place);
  if (answer.statusCode !== 200) throw statusError(http.attempted(call.action), answer.statusCode);
  const { name, subfolder } = http.parse(call, answer.text, uploadedSchema);
  return subfolder === "" ? name : `${subfolder}/${name}`;
}

/** The failure of a file that is larger than a server takes. */
export function tooLarge(http: ComfyHttp, place: InputPlace, maxUploadBytes?: number): Error {
  const most =
    maxUploadBytes === undefined ? "" : `, it takes at most ${megabytes(maxUploadBytes)} MB`;
  const advice =
    "start ComfyUI with a larger --max-upload-size (and raise the limit of a proxy in between)";
  const reason = `${megabytes(place.sizeBytes)} MB are too large${most}; ${advice}`;
  return callError("INPUT_TOO_LARGE", http.attempted("send the input to"), reason);
}

const SENDABLE = /^[\x20-\x21\x23-\x5b\x5d-\x7e]+$/;
const READ_BYTES = 1024 * 1024;

async function send(http: ComfyHttp, path: string, place: InputPlace, transfer: Transfer) {
  await using file = await open(path);
  using deadline = new Deadline(transfer.signal, transfer.idleMs);
  const boundary = `----tmlsr-${randomUUID()}`;
  const { head, tail } = envelope(boundary, place);
  async function* body() {
    yield head;
    let movedBytes = 0;
    for await (const chunk of chunksOf(file)) {
      yield chunk;
      movedBytes += chunk.length;
      deadline.touch();
      transfer.onProgress?.(movedBytes, place.sizeBytes);
    }
    yield tail;
  }
  const headers = {
    "content-type": `multipart/form-data; boundary=${boundary}`,
    "content-length": String(head.length + place.sizeBytes + tail.length),
  };
  const request = { method: "POST", path: "/upload/image", headers } as const;
  const answer = await http.open(request, deadline.signal, body() as never);
  return { statusCode: answer.statusCode, text: await answer.body.text() };
}

// Not a stream: one that fails before it is read from takes the process with it.
async function* chunksOf(file: FileHandle): AsyncGenerator<Buffer> {
  for (;;) {
    const { buffer, bytesRead } = await file.read({ buffer: Buffer.allocUnsafe(READ_BYTES) });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

function envelope(boundary: string, { subfolder, fileName }: InputPlace) {
  const field = (name: string, value: string) =>
    `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
  const head = [
    field("type", "input"),
    field("overwrite", "true"),
    field("subfolder", subfolder),
    `--${boundary}\r\nContent-Disposition: form-data; name="image"; filename="${fileName}"\r\n`,
    "Content-Type: application/octet-stream\r\n\r\n",
  ];
  return {
    head: Buffer.from(head.join(""), "latin1"),
    tail: Buffer.from(`\r\n--${boundary}--\r\n`),
  };
}

function megabytes(sizeBytes: number): string {
  return (sizeBytes / (1024 * 1024)).toFixed(sizeBytes < 10 * 1024 * 1024 ? 1 : 0);
}
