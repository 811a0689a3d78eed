/** A range of bytes of a file; `start` and `end` are both included. */
export interface ByteRange {
  readonly first: number;
  readonly last: number;
}

/**
 * Reads a Range header with one range of bytes: `bytes=0-499`, `bytes=500-`, `bytes=-500` (RFC
 * 9110, 14.1.2). Several ranges and other units are ignored, which the RFC allows.
 *
 * No library is used, since range-parser 1, header-range-parser 2 and @hapi/ammo 6 are wrong twice:
 * they refuse a suffix longer than the file (it means the whole file), and they treat a range that
 * ends before it begins as unsatisfiable (it is invalid).
 *
 * @returns undefined: send the whole file; `unsatisfiable`: the range contains no byte of the file.
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
