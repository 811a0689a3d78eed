import { open } from "node:fs/promises";

const END_MARKER = Buffer.from([0xff, 0xd9]);

/** Whether a decoder's error says that a JPEG has no end marker: pixels may be missing too, or not. */
export function endsEarly(thrown: unknown): boolean {
  return thrown instanceof Error && /premature end of JPEG/i.test(thrown.message);
}

/**
 * Gives a JPEG the end marker that it lacks, as some cameras write it, so that every decoder takes
 * it. The file is left as it was if it has other faults, since its pixels end early then.
 *
 * @param decode decodes the file, and fails on any fault.
 * @throws what `decode` throws.
 */
export async function withEndMarker(path: string, decode: () => Promise<void>): Promise<void> {
  await using file = await open(path, "r+");
  const { size } = await file.stat();
  await file.write(END_MARKER, 0, END_MARKER.length, size);
  try {
    await decode();
  } catch (thrown) {
    await file.truncate(size);
    throw thrown;
  }
}
