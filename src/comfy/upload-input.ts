/**
 * `POST /upload/image`, which takes files of any kind. ComfyUI 0.3.64: the fields are `image`,
 * `overwrite` (exactly "true"), `subfolder` and `type`. The answer names the file, sometimes not as
 * it was sent. A body above `--max-upload-size` (default 100 MB) is answered with 413 while it is
 * still being sent.
 */
import { randomUUID } from "node:crypto";
import { type FileHandle, open } from "node:fs/promises";
import { Deadline } from "../lib/deadline.js";
import { headOfFile } from "../lib/head-of-file.js";
import { callError, statusError } from "./comfy-errors.js";
import type { ComfyHttp } from "./comfy-http.js";
import type { Transfer } from "./transfer.js";
import { uploadedSchema } from "./wire.js";

/**
 * Where an input goes. Only printable ASCII without quotes and backslashes, because servers store
 * other names differently.
 */
export interface InputPlace {
  /**
   * A folder in the server's input directory, created if it does not exist. "" is the directory
   * itself.
   */
  readonly subfolder: string;
  readonly fileName: string;
  /** The size of the local file, which must not change during the upload. */
  readonly sizeBytes: number;
}

/**
 * Sends a file. It replaces a file of the same name.
 *
 * The multipart body is written by hand, with a known length. That is five times as fast as `fetch`
 * with FormData, which holds the whole file in memory.
 *
 * @returns the value for a node's file input: `subfolder/name` as the server answered it.
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

/** The error for a file that is larger than a server accepts. */
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

type Body = Parameters<ComfyHttp["open"]>[2];

interface UploadAnswer {
  readonly statusCode: number;
  readonly text: string;
}

async function send(http: ComfyHttp, path: string, place: InputPlace, transfer: Transfer) {
  using deadline = new Deadline(transfer.signal, transfer.idleMs);
  const boundary = `----tmlsr-${randomUUID()}`;
  const { head, tail } = envelope(boundary, place);
  const post = async (body: Body): Promise<UploadAnswer> => {
    const headers = {
      "content-type": `multipart/form-data; boundary=${boundary}`,
      "content-length": String(head.length + place.sizeBytes + tail.length),
    };
    const request = { method: "POST", path: "/upload/image", headers } as const;
    const answer = await http.open(request, deadline.signal, body);
    return { statusCode: answer.statusCode, text: await answer.body.text() };
  };
  // What is read at once is sent at once.
  if (place.sizeBytes <= READ_BYTES)
    return await post(Buffer.concat([head, headOfFile(path, place.sizeBytes), tail]));
  await using file = await open(path);
  async function* parts() {
    yield head;
    let movedBytes = 0;
    for await (const chunk of chunksOf(file, place.sizeBytes)) {
      yield chunk;
      movedBytes += chunk.length;
      deadline.touch();
      transfer.onProgress?.(movedBytes, place.sizeBytes);
    }
    yield tail;
  }
  return await post(parts() as never);
}

// Not a stream: a stream that fails before it is read would end the process.
async function* chunksOf(file: FileHandle, sizeBytes: number): AsyncGenerator<Buffer> {
  for (let leftBytes = sizeBytes; leftBytes > 0; ) {
    const room = Buffer.allocUnsafe(Math.min(READ_BYTES, leftBytes));
    const { bytesRead } = await file.read({ buffer: room });
    if (bytesRead === 0) return;
    yield room.subarray(0, bytesRead);
    leftBytes -= bytesRead;
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
