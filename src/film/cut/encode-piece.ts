import type { FilmFacts } from "../film-facts.js";
import type { PlannedPiece } from "../plan/plan-pieces.js";
import { type Encoder, encodeFrames } from "./encode-frames.js";
import type { FrameWindow } from "./frame-window.js";
import { pieceRate } from "./piece-file.js";

/** Encoders without loss. All decoders of ComfyUI read both. */
const LOSSLESS: readonly Encoder[] = [
  { name: "libx264", options: { preset: "ultrafast", qp: "0" } },
  { name: "ffv1", options: {} },
];

/**
 * Writes a piece that cannot be cut: its frames are decoded and encoded without loss, pixel by pixel
 * the same, and it begins with the first that the network is given. The container is MKV.
 */
export async function encodePiece(
  window: FrameWindow,
  film: FilmFacts,
  { firstFrame, frameCount, beforeCount, afterCount, source }: PlannedPiece,
  outPath: string,
  signal: AbortSignal,
): Promise<void> {
  const count = beforeCount + frameCount + afterCount;
  const frames = window.frames(firstFrame - beforeCount, count, source.entryTicks, signal);
  const like = window.picture.codecpar;
  const encoding = { like, rate: pieceRate(film), encoders: LOSSLESS, container: "mkv" } as const;
  await encodeFrames(frames, encoding, outPath);
}
