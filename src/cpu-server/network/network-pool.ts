import { type Frame, paste } from "./frame.js";
import { NetworkThread } from "./network-thread.js";
import { cutTiles, type Tile } from "./tiles.js";
import type { UpscaleModel, Upscaler } from "./upscaler.js";

/**
 * Enlarges pictures tile by tile on worker threads. A thread is started when there is work for it.
 * Each thread uses one core and about 150 MB.
 */
export class NetworkPool implements Upscaler {
  readonly #maxThreadCount: number;
  #threads: NetworkThread[] = [];

  constructor(maxThreadCount: number) {
    this.#maxThreadCount = maxThreadCount;
  }

  async load(model: UpscaleModel): Promise<void> {
    await this.#startThreads(1);
    await this.#onEachThread((thread) => thread.load(model.scale));
  }

  async upscale(
    frame: Frame,
    model: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame> {
    const { scale } = model;
    const output = emptyFrame(frame.width * scale, frame.height * scale);
    const tiles = cutTiles(frame.width, frame.height);
    await this.#startThreads(Math.min(tiles.length, this.#maxThreadCount));
    const waiting = each(tiles);
    let doneCount = 0;
    await this.#onEachThread(async (thread) => {
      // All threads take tiles from one iterator. An error here closes the iterator, so the other
      // threads stop too.
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

  async #startThreads(leastCount: number): Promise<void> {
    if (this.#threads.some((thread) => thread.hasFailed)) await this.unload();
    while (this.#threads.length < leastCount) this.#threads.push(new NetworkThread());
  }

  /** Waits for all threads, so that none still works when this rejects. */
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
