import { type Frame, paste } from "./frame.js";
import { NetworkThread } from "./network-thread.js";
import { cutTiles, type Tile } from "./tiles.js";
import type { UpscaleModel, Upscaler } from "./upscaler.js";

/** Enlarges pictures tile by tile on several worker threads, started when a model is first loaded. */
export class NetworkPool implements Upscaler, AsyncDisposable {
  readonly #threadCount: number;
  #threads: readonly NetworkThread[] = [];

  constructor(threadCount: number) {
    this.#threadCount = threadCount;
  }

  async load(model: UpscaleModel): Promise<void> {
    if (this.#threads.some((thread) => thread.hasFailed)) await this.unload();
    if (this.#threads.length === 0) {
      this.#threads = Array.from({ length: this.#threadCount }, () => new NetworkThread());
    }
    await this.#onEachThread((thread) => thread.load(model.scale));
  }

  async upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame> {
    await this.load(model);
    const { scale } = model;
    const output = emptyFrame(frame.width * scale, frame.height * scale);
    const tiles = cutTiles(frame.width, frame.height);
    const waiting = each(tiles);
    let doneCount = 0;
    await this.#onEachThread(async (thread) => {
      // All threads draw from one iterator; what is thrown here closes it, so the others stop too.
      for (const tile of waiting) {
        const enlarged = await thread.upscale(frame, tile, scale);
        paste(output, enlarged, tile.left * scale, tile.top * scale);
        doneCount += 1;
        onTile(doneCount, tiles.length);
      }
    });
    return output;
  }

  async unload(): Promise<void> {
    const threads = this.#threads;
    this.#threads = [];
    await Promise.all(threads.map((thread) => thread[Symbol.asyncDispose]()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.unload();
  }

  /** Waits for all threads, so that none is still at work when this rejects. */
  async #onEachThread(work: (thread: NetworkThread) => Promise<void>): Promise<void> {
    const results = await Promise.allSettled(this.#threads.map(work));
    const failed = results.find((result) => result.status === "rejected");
    if (failed === undefined) return;
    throw failed.reason;
  }
}

function* each(tiles: readonly Tile[]): Generator<Tile> {
  yield* tiles;
}

function emptyFrame(width: number, height: number): Frame {
  return { width, height, rgb: new Uint8Array(width * height * 3) };
}
