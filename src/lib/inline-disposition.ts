import { create } from "content-disposition";

/**
 * The Content-Disposition header of a file that the browser shows in the page and saves under its
 * own name, in any script (RFC 6266). Old clients get `_` for each character that they cannot read
 * or would decode.
 */
export function inlineDisposition(fileName: string): string {
  const fallback = fileName.replace(/[^\x20-\x7e]|["\\%+]/g, "_");
  return create(fileName, { type: "inline", fallback });
}
