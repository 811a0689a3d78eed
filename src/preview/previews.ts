import { createHash, randomUUID } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Task } from "../domain/task.js";
import type { Logger } from "../lib/logger.js";
import { removeFile } from "../lib/remove-file.js";
import { Semaphore } from "../lib/semaphore.js";
import { untilAborted } from "../lib/until-aborted.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import { makePreview, narrowPreview } from "./make-preview.js";
import {
  MAX_PREVIEW_WIDTH,
  type PreviewSide,
  type PreviewWidth,
  previewKey,
} from "./preview-key.js";

/** What previews are made with. */
export interface PreviewsOptions {
  readonly storage: Pick<ObjectStorage, "find" | "get" | "put">;
  /** A directory of this process for files on their way. */
  readonly directory: string;
  readonly logger: Logger;
}

/** A small picture of a task's input or result. It never changes. */
export interface Preview {
  readonly webp: Uint8Array;
  /** A strong ETag in quotes. */
  readonly etag: string;
}

/** Begins the names of files on their way. */
const PREFIX = "preview-";

/** What is known of a task that has previews. */
type PreviewedTask = Pick<Task, "taskId" | "outputs">;

/** How long making one may take, its file fetched from the storage included. */
const MAKE_LIMIT_MS = 25_000;
/** Beside the work of the GPUs a preview is nothing to wait for. */
const KEEP_LIMIT_MS = 20_000;
/** A larger result would take long to fetch and much room on the disk for its first preview. */
const MAX_RESULT_BYTES = 2 ** 30;
/** Decoding takes memory and a core. */
const AT_ONCE = 2;

/**
 * Small pictures of inputs and results, made once and kept in the storage: those of inputs when they are
 * downloaded, those of results when somebody asks for the first one.
 */
export class Previews {
  readonly #options: PreviewsOptions;
  readonly #room = new Semaphore(AT_ONCE);
  /** What is being made, by key: all who ask share it. */
  readonly #making = new Map<string, Promise<Uint8Array | undefined>>();

  private constructor(options: PreviewsOptions) {
    this.#options = options;
  }

  /** Removes what a former process left on its way. */
  static async open(options: PreviewsOptions): Promise<Previews> {
    const { directory } = options;
    await mkdir(directory, { recursive: true });
    const names = (await readdir(directory)).filter((name) => name.startsWith(PREFIX));
    await Promise.all(names.map((name) => rm(join(directory, name), { force: true })));
    return new Previews(options);
  }

  /** Makes the preview of an input that is on the disk. A failure is logged and harms nobody. */
  async keepInput(taskId: string, path: string, signal: AbortSignal): Promise<void> {
    const limited = AbortSignal.any([signal, AbortSignal.timeout(KEEP_LIMIT_MS)]);
    const key = previewKey(taskId, "input", MAX_PREVIEW_WIDTH);
    try {
      using _place = await this.#room.enter(limited);
      const webp = await makePreview(path, limited);
      if (webp) await this.#keep(key, webp, limited);
    } catch (error) {
      this.#options.logger.warn({ taskId, err: error }, "no preview of the input was made");
    }
  }

  /**
   * The preview of a task's input or result.
   *
   * @returns undefined where there is none, or none yet.
   * @throws TaskError of the storage; the signal's reason.
   */
  async get(
    task: PreviewedTask,
    side: PreviewSide,
    width: PreviewWidth,
    signal: AbortSignal,
  ): Promise<Preview | undefined> {
    const key = previewKey(task.taskId, side, width);
    const webp =
      (await this.#find(key, signal)) ??
      (await untilAborted(
        this.#once(key, (limit) => this.#make(task, side, width, limit)),
        signal,
      ));
    return webp && { webp, etag: etagOf(webp) };
  }

  async #make(
    task: PreviewedTask,
    side: PreviewSide,
    width: PreviewWidth,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    if (width === MAX_PREVIEW_WIDTH)
      return side === "output" ? await this.#makeOutput(task, signal) : undefined;
    const widest = await this.get(task, side, MAX_PREVIEW_WIDTH, signal);
    if (!widest) return undefined;
    const webp = await narrowPreview(widest.webp, width);
    await this.#keep(previewKey(task.taskId, side, width), webp, signal);
    return webp;
  }

  async #makeOutput(
    { taskId, outputs = [] }: PreviewedTask,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined> {
    const [result] = outputs;
    if (result === undefined || result.sizeBytes > MAX_RESULT_BYTES) return undefined;
    using _place = await this.#room.enter(signal);
    const webp = await this.#withFile(result.key, signal, (path) =>
      makePreview(path, signal),
    ).catch((error: unknown) => {
      signal.throwIfAborted();
      this.#options.logger.warn({ taskId, err: error }, "no preview of the result was made");
      return undefined;
    });
    if (webp) await this.#keep(previewKey(taskId, "output", MAX_PREVIEW_WIDTH), webp, signal);
    return webp;
  }

  async #find(key: string, signal: AbortSignal): Promise<Uint8Array | undefined> {
    if ((await this.#options.storage.find(key, signal)) === undefined) return undefined;
    return await this.#withFile(key, signal, (path) => readFile(path));
  }

  /** Fetches an object into a file for as long as it is used. @returns undefined without the object. */
  async #withFile<T>(
    key: string,
    signal: AbortSignal,
    use: (path: string) => Promise<T>,
  ): Promise<T | undefined> {
    const path = this.#newPath();
    try {
      return (await this.#options.storage.get(key, path, { signal })) ? await use(path) : undefined;
    } finally {
      await removeFile(path);
    }
  }

  async #keep(key: string, webp: Uint8Array, signal: AbortSignal): Promise<void> {
    const path = this.#newPath();
    try {
      await writeFile(path, webp);
      const file = { path, key, sizeBytes: webp.length, mediaType: "image/webp" };
      await this.#options.storage.put(file, { signal });
    } finally {
      await removeFile(path);
    }
  }

  #newPath(): string {
    return join(this.#options.directory, `${PREFIX}${randomUUID()}`);
  }

  /** With a limit of its own: whoever asked first may not wait as long as the others. */
  async #once(
    key: string,
    make: (limit: AbortSignal) => Promise<Uint8Array | undefined>,
  ): Promise<Uint8Array | undefined> {
    const begin = () =>
      make(AbortSignal.timeout(MAKE_LIMIT_MS)).finally(() => this.#making.delete(key));
    const making = this.#making.get(key) ?? begin();
    this.#making.set(key, making);
    return await making;
  }
}

function etagOf(webp: Uint8Array): string {
  return `"${createHash("sha256").update(webp).digest("hex").slice(0, 32)}"`;
}
