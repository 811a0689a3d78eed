import { create } from "content-disposition";

/**
 * The Content-Disposition of a file that is shown in the page and saved under its own name, in any script (RFC 6266). Old
 * clients get `_` for what they could not read or would decode.
 */
export function inlineDisposition(fileName: string): string {
  const fallback = fileName.replace(/[^\x20-\x7e]|["\\%+]/g, "_");
  return create(fileName, { type: "inline", fallback });
}
