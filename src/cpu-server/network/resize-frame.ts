import sharp, { type KernelEnum } from "sharp";
import { checkSize, type Frame } from "./frame.js";

/**
 * Resizes a frame by interpolation, not keeping its ratio.
 *
 * @param kernel sharp's; when enlarging, `lanczos3` is bicubic, as libvips has no more.
 * @throws PythonError MemoryError if the result is too large.
 */
export async function resizeFrame(
  frame: Frame,
  width: number,
  height: number,
  kernel: keyof KernelEnum,
): Promise<Frame> {
  checkSize(width, height);
  const raw = { width: frame.width, height: frame.height, channels: 3 } as const;
  const { data } = await sharp(frame.rgb, { raw })
    .resize(width, height, { fit: "fill", kernel })
    .raw()
    .toBuffer({ resolveWithObject: true });
  return { width, height, rgb: data };
}
