import { once } from "node:events";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";
import { packagePath } from "../../lib/package-path.js";
import { PythonError } from "../python-text.js";
import { crop, type Frame } from "./frame.js";
import { contextOf, type Tile } from "./tiles.js";

/** A request to a thread: load the network and, if there is a tile, double it. */
export interface ThreadRequest {
  /** A tile with its margins. */
  readonly context?: Frame;
}

/** A thread's answer. */
export type ThreadReply = Frame | { readonly loaded: true } | { readonly error: string };

/** One worker thread with one network. It takes one call at a time. */
export class NetworkThread implements AsyncDisposable {
  readonly #worker: Worker;
  #hasFailed = false;

  constructor() {
    this.#worker = startWorker();
    // The waiting caller gets the error too. Without a listener it would end the process.
    this.#worker.on("error", () => {
      this.#hasFailed = true;
    });
  }

  /** Whether the thread has ended with an error and cannot be used again. */
  get hasFailed(): boolean {
    return this.#hasFailed;
  }

  /** Loads the network. */
  async load(): Promise<void> {
    await this.#ask({}, []);
  }

  /** Doubles one tile of a frame. Beyond its rim the frame goes on as its outermost pixels. */
  async double(frame: Frame, tile: Tile): Promise<Frame> {
    const { left, top, width, height } = contextOf(tile);
    const context = crop(frame, left, top, width, height);
    const reply = await this.#ask({ context }, [context.rgb.buffer as ArrayBuffer]);
    if ("rgb" in reply) return reply;
    throw new PythonError("RuntimeError", "Network thread answered no picture");
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #ask(request: ThreadRequest, transfer: ArrayBuffer[]): Promise<ThreadReply> {
    // Rejects if the thread ends with an error, e.g. because it has no memory left.
    const answered = once(this.#worker, "message");
    this.#worker.postMessage(request, transfer);
    const [reply] = (await answered) as [ThreadReply];
    if ("error" in reply) throw new PythonError("RuntimeError", reply.error);
    return reply;
  }
}

function startWorker(): Worker {
  if (!import.meta.url.endsWith(".ts"))
    return new Worker(packagePath("dist/cpu-server/network/network-worker.js"));
  // When run from source by tsx: tsx's hooks do not apply to worker threads by themselves.
  const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx/esm/api"));
  const entry = new URL("./network-worker.ts", import.meta.url).href;
  const program = `import("${tsx}").then((tsx) => { tsx.register(); return import("${entry}"); })`;
  return new Worker(program, { eval: true });
}
