import { rm } from "node:fs/promises";
import { Packet } from "node-av/lib";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import { type Encoder, encodeFrames } from "../cut/encode-frames.js";
import { pieceRate } from "../cut/piece-file.js";
import type { Ratio } from "../film-facts.js";
import { cleanCount } from "./clean-count.js";
import { fadedFrames, type HeldFrame, heldFrames, shownFrames } from "./fade-frames.js";
import type { FilmResult, FilmToJoin } from "./film-to-join.js";
import { ResultPiece } from "./result-piece.js";

/** A part of a joined film: the first packets of a file, which are its first frames. */
export interface FilmPart {
  readonly piece: ResultPiece;
  readonly packetCount: number;
  /** The result that it comes from, or that it leads to, and its file. */
  readonly result: ResultPiece;
  readonly path: string;
  /** What there is to say of it, for people. */
  readonly note?: string;
}

/**
 * The parts of a film in order, each valid until the next is asked for. A result that is to be as it is
 * is one part. Of one that fades into the next, the packets that need nothing of what is mixed are copied;
 * the frames behind them, at most a few more than are mixed, are encoded anew.
 *
 * @throws TaskError BAD_RESULT where a result does not have the frames that it should, or other ones than
 *   its neighbour.
 */
export async function* filmParts(
  { film, results, outPath }: Pick<FilmToJoin, "film" | "results" | "outPath">,
  signal: AbortSignal,
): AsyncGenerator<FilmPart, void, void> {
  const borderPath = `${outPath}.border`;
  using parts = new Parts(borderPath, pieceRate(film), signal);
  try {
    for await (const result of results) yield* parts.of(result);
  } finally {
    await rm(borderPath, { force: true });
  }
}

/** Of which encoders frames are made anew, so that nothing of them is lost to the eye; none for other codecs. */
const ENCODERS: Readonly<Record<string, Encoder>> = {
  h264: { name: "libx264", options: { preset: "fast", crf: "10", bf: "0" } },
  hevc: {
    name: "libx265",
    options: { preset: "fast", crf: "12", "x265-params": "bframes=0:log-level=none:pools=none" },
  },
  vp9: {
    name: "libvpx-vp9",
    options: { crf: "10", b: "0", "cpu-used": "4", "lag-in-frames": "0", "auto-alt-ref": "0" },
  },
};

class Parts implements Disposable {
  readonly #borderPath: string;
  readonly #rate: Ratio;
  readonly #signal: AbortSignal;
  readonly #packet = new Packet();
  #firstFrame = 0;
  /** The last frames of the result before, which are still to be mixed. */
  #held: readonly HeldFrame[] = [];

  constructor(borderPath: string, rate: Ratio, signal: AbortSignal) {
    this.#borderPath = borderPath;
    this.#rate = rate;
    this.#signal = signal;
    this.#packet.alloc();
  }

  async *of(wanted: FilmResult): AsyncGenerator<FilmPart, void, void> {
    const { path, frameCount, leadCount = 0, fadingCount = 0 } = wanted;
    await using result = await ResultPiece.open(path, this.#packet, this.#signal);
    const open: OpenResult = { path, result, encoder: ENCODERS[result.codec] };
    refuseWrongCount(this.#firstFrame, result.ranks.length, frameCount + leadCount);
    this.#firstFrame += frameCount;
    if (this.#held.length > 0) {
      const lead = this.#framesOf(open, frameCount, leadCount);
      yield* this.#encoded(open, fadedFrames(this.#held, lead, leadCount));
    }
    this.#held = [];
    const note = open.encoder === undefined && leadCount + fadingCount > 0 ? TRIMMED : undefined;
    const packetCount = copiedCount(open, frameCount, fadingCount);
    if (packetCount > 0) yield { piece: result, packetCount, result, path, ...defined({ note }) };
    const rest = this.#framesOf(open, packetCount, frameCount - packetCount);
    if (fadingCount > 0) for await (const frame of rest) this.#held = [...this.#held, frame];
    else if (packetCount < frameCount) yield* this.#encoded(open, rest);
  }

  #framesOf({ path, result }: OpenResult, first: number, count: number): AsyncIterable<HeldFrame> {
    return heldFrames(path, result, { first, count }, this.#signal);
  }

  /** Encodes frames as those of a result. */
  async *#encoded(
    { path, result, encoder }: OpenResult,
    frames: AsyncIterable<HeldFrame>,
  ): AsyncGenerator<FilmPart, void, void> {
    if (encoder === undefined)
      throw new TaskError(
        "BAD_RESULT",
        `Frames of ${result.codec} cannot be mixed where chunks meet`,
      );
    const like = result.stream.codecpar;
    const encoding = { like, rate: this.#rate, encoders: [encoder], container: "mp4" } as const;
    await encodeFrames(shownFrames(frames), encoding, this.#borderPath);
    await using piece = await ResultPiece.open(this.#borderPath, this.#packet, this.#signal);
    yield { piece, packetCount: piece.ranks.length, result, path };
  }

  [Symbol.dispose](): void {
    this.#packet.free();
  }
}

interface OpenResult {
  readonly path: string;
  readonly result: ResultPiece;
  /** Absent: its frames cannot be made anew. */
  readonly encoder: Encoder | undefined;
}

const TRIMMED =
  "Where its chunks meet frames were not mixed, since the servers' codec cannot be encoded here";

/** How many packets of a result are copied. Where none could be made anew all of its own frames are. */
function copiedCount(
  { result: { ranks }, encoder }: OpenResult,
  frameCount: number,
  fadingCount: number,
): number {
  return cleanCount(ranks, encoder === undefined ? frameCount : frameCount - fadingCount);
}

function refuseWrongCount(firstFrame: number, count: number, promised: number): void {
  if (count === promised) return;
  const message = `The result from frame ${firstFrame} on has ${count} frames, not ${promised}`;
  throw new TaskError("BAD_RESULT", message);
}
