import { type Frame, paste } from "./frame.js";
import { NetworkThread } from "./network-thread.js";
import { resizeFrame } from "./resize-frame.js";
import { cutTiles, type Tile } from "./tiles.js";
import type { UpscaleModel, Upscaler } from "./upscaler.js";

/**
 * Enlarges pictures tile by tile on worker threads. A thread is started when there is work for it.
 * Each thread uses one core and about 20 MB. Four times as large is twice doubled; three times as large
 * is that, reduced.
 */
export class NetworkPool implements Upscaler {
  readonly #maxThreadCount: number;
  #threads: NetworkThread[] = [];

  constructor(maxThreadCount: number) {
    this.#maxThreadCount = maxThreadCount;
  }

  async load(): Promise<void> {
    await this.#startThreads(1);
    await this.#onEachThread((thread) => thread.load());
  }

  async upscale(
    frame: Frame,
    { scale }: UpscaleModel,
    onTile: (doneCount: number, tileCount: number) => void,
  ): Promise<Frame> {
    const steps = doublings(frame, scale);
    const tileCount = steps.reduce((sum, tiles) => sum + tiles.length, 0);
    let doneCount = 0;
    let enlarged = frame;
    for (const tiles of steps) {
      enlarged = await this.#double(enlarged, tiles, () => {
        doneCount += 1;
        onTile(doneCount, tileCount);
      });
    }
    const [width, height] = [frame.width * scale, frame.height * scale];
    return enlarged.width === width
      ? enlarged
      : await resizeFrame(enlarged, width, height, "bicubic");
  }

  async #double(frame: Frame, tiles: readonly Tile[], onTile: () => void): Promise<Frame> {
    const output = emptyFrame(frame.width * 2, frame.height * 2);
    await this.#startThreads(Math.min(tiles.length, this.#maxThreadCount));
    const waiting = each(tiles);
    await this.#onEachThread(async (thread) => {
      // All threads take tiles from one iterator. An error here closes the iterator, so the other
      // threads stop too.
      for (const tile of waiting) {
        paste(output, await thread.double(frame, tile), tile.left * 2, tile.top * 2);
        onTile();
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

/** The tiles of each doubling that it takes to reach a scale. */
function doublings({ width, height }: Frame, scale: number): readonly (readonly Tile[])[] {
  const count = Math.ceil(Math.log2(scale));
  return Array.from({ length: count }, (_, step) =>
    cutTiles(width * 2 ** step, height * 2 ** step),
  );
}

function* each(tiles: readonly Tile[]): Generator<Tile> {
  yield* tiles;
}

function emptyFrame(width: number, height: number): Frame {
  return { width, height, rgb: new Uint8Array(width * height * 3) };
}
