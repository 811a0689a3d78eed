/**
 * A process that moves the bytes one way, once. Its argument is {@link BytesJob} as JSON; it prints
 * {@link BytesResult} as JSON.
 */
import { createReadStream, createWriteStream } from "node:fs";
import { type IncomingMessage, request } from "node:http";
import { dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { pathToFileURL } from "node:url";
import { ComfyHttp } from "../../src/comfy/comfy-http.js";
import { ServerUrl } from "../../src/comfy/server-url.js";
import { uploadInput } from "../../src/comfy/upload-input.js";
import { viewToFile } from "../../src/comfy/view-to-file.js";
import { downloadInput } from "../../src/input/download-input.js";
import { FileSource } from "../../src/input/file-source.js";
import { createLogger } from "../../src/lib/logger.js";
import { createAddressGuard } from "../../src/net/address-guard.js";
import { createLocalStorage } from "../../src/storage/local/local-storage.js";
import type { StoredFile } from "../../src/storage/object-storage.js";
import { createOssStorage } from "../../src/storage/oss/oss-storage.js";

/** A way of moving bytes. */
export type BytesLeg =
  | "raw-get"
  | "raw-post"
  | "raw-copy"
  | "download"
  | "send"
  | "view"
  | "oss"
  | "file"
  | "keep";

export interface BytesJob {
  readonly leg: BytesLeg;
  /** Of the server at the other end. */
  readonly url: string;
  /** A file of that size. */
  readonly source: string;
  /** Not there yet. */
  readonly target: string;
  readonly sizeBytes: number;
}

export interface BytesResult {
  readonly durationMs: number;
  /** The most that the process had in memory, in units of a million bytes. */
  readonly residentMb: number;
}

const READ_BYTES = 1024 * 1024;
const { signal } = new AbortController();

const LEGS: Readonly<Record<BytesLeg, (job: BytesJob) => Promise<unknown>>> = {
  async "raw-get"({ url, target }) {
    const call = request(`${url}/file`).end();
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      call.on("response", resolve);
      call.on("error", reject);
    });
    await pipeline(response, createWriteStream(target, { highWaterMark: READ_BYTES }));
  },
  async "raw-post"({ url, source, sizeBytes }) {
    const headers = { "content-length": sizeBytes };
    const call = request(`${url}/file`, { method: "POST", headers });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      call.on("response", resolve);
      call.on("error", reject);
    });
    await pipeline(createReadStream(source, { highWaterMark: READ_BYTES }), call);
    (await answered).resume();
  },
  async "raw-copy"({ source, target }) {
    const from = createReadStream(source, { highWaterMark: READ_BYTES });
    await pipeline(from, createWriteStream(target, { highWaterMark: READ_BYTES }));
  },
  async download({ url, target, sizeBytes }) {
    const guard = createAddressGuard({ allow: ["127.0.0.1"] });
    const options = { guard, maxBytes: sizeBytes };
    await downloadInput({ url: `${url}/in.mp4`, path: target, signal }, options);
  },
  async file({ source, target, sizeBytes }) {
    const files = new FileSource({ directory: dirname(source), maxBytes: sizeBytes });
    await files.fetch({ url: pathToFileURL(source).href, path: target, signal });
  },
  async send({ url, source, sizeBytes }) {
    const place = { subfolder: "bench", fileName: "input.mp4", sizeBytes };
    await using http = comfyAt(url);
    await uploadInput(http, source, place, { signal, idleMs: 30_000 });
  },
  async view({ url, target }) {
    const output = { filename: "out.mp4", subfolder: "", type: "output" } as const;
    await using http = comfyAt(url);
    await viewToFile(http, output, target, { signal, idleMs: 30_000, resumeCount: 0 });
  },
  async oss(job) {
    const options = { endpoint: job.url, region: "cn-bench", bucket: "bench" };
    const key = { accessKeyId: "bench", accessKeySecret: "bench", internal: false, cname: false };
    const context = { logger: createLogger("silent") };
    await using storage = createOssStorage({ ...options, ...key }, context);
    await storage.put(fileOf(job, job.source), { signal });
  },
  async keep({ target, ...job }) {
    await using storage = createLocalStorage({ directory: target, publicUrl: "http://localhost" });
    await storage.put(fileOf(job, job.source), { signal });
  },
};

function comfyAt(url: string): ComfyHttp {
  return new ComfyHttp(new ServerUrl(url, {}), 10_000);
}

function fileOf({ sizeBytes }: Pick<BytesJob, "sizeBytes">, path: string): StoredFile {
  return { path, key: "outputs/bench/result.mp4", sizeBytes, mediaType: "video/mp4" };
}

const job = JSON.parse(process.argv[2] ?? "") as BytesJob;
// A service loads it once, in 0.3 s, and not for each result.
if (job.leg === "oss") await import("ali-oss");
const startedAtMs = performance.now();
await LEGS[job.leg](job);
const result: BytesResult = {
  durationMs: performance.now() - startedAtMs,
  residentMb: (process.resourceUsage().maxRSS * 1024) / 1e6,
};
process.stdout.write(JSON.stringify(result));
