/** Bytes of a file, both ends included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a Range header with one range of bytes: `bytes=0-499`, `bytes=500-`, `bytes=-500`
 * (RFC 9110, 14.1.2). Several ranges and other units are ignored, which the protocol allows. The
 * libraries for it (range-parser 1, header-range-parser 2, @hapi/ammo 6) refuse a suffix longer than
 * the file, which asks for all of it, and take a range that ends before it begins for one out of reach.
 *
 * @returns undefined: send everything; `unsatisfiable`: no byte of the file is in the range.
 */
export function parseByteRange(
  header: string | undefined,
  sizeBytes: number,
): ByteRange | "unsatisfiable" | undefined {
  const [, from = "", to = ""] = /^bytes=(\d*)-(\d*)$/i.exec(header?.trim() ?? "") ?? [];
  if (from === "" && to === "") return undefined;
  const end = sizeBytes - 1;
  if (from === "")
    return satisfiable({ first: Math.max(0, sizeBytes - Number(to)), last: end }, end);
  const last = to === "" ? Number.POSITIVE_INFINITY : Number(to);
  if (last < Number(from)) return undefined;
  return satisfiable({ first: Number(from), last: Math.min(last, end) }, end);
}

function satisfiable(range: ByteRange, end: number): ByteRange | "unsatisfiable" {
  return range.first > end ? "unsatisfiable" : range;
}
