import { decodeExtended, parse } from "content-disposition";

const MAX_NAME_BYTES = 120;
/** Only this many characters of a suggested name are read. */
const MAX_NAME_LENGTH = 500;

/**
 * Where a file name is made from: the first usable one of the suggested name, the URL and the
 * task's id.
 */
export interface FileNameSource {
  /** From {@link dispositionName}. Untrusted. */
  readonly suggested?: string | undefined;
  /** The last segment of its path is used as a name. */
  readonly url: string;
  readonly taskId: string;
  /** Extension of the real content, with the dot. It replaces the extension of the name. */
  readonly extension: string;
}

/**
 * Names an input on a ComfyUI server: only letters, digits, `.`, `_` and `-`; at most 120 characters.
 *
 * @returns makes the name for an extension, which is found out later than all else.
 */
export function inputNamer(
  source: Omit<FileNameSource, "extension">,
): (extension: string) => string {
  const toAscii = (name: string) =>
    safeStem(name.normalize("NFKD").replace(/\p{M}+/gu, "")).replace(/[^\w.-]+/g, "_");
  const stem = candidates(source)
    .map(toAscii)
    .find((name) => /[a-z0-9]/i.test(name));
  return (extension) => withExtension(stem ?? source.taskId, extension);
}

/**
 * A file name for people, in any script. It has no path, no control, bidirectional or reserved
 * characters, is no reserved name, and has at most 120 bytes of UTF-8.
 */
export function prettyName(source: FileNameSource): string {
  const stem = candidates(source)
    .map(safeStem)
    .find((name) => name !== "");
  return withExtension(stem ?? source.taskId, source.extension);
}

/**
 * The file name in a Content-Disposition header; `filename*` goes before `filename` (RFC 6266). The
 * reader is lenient, since headers without a type, names without quotes and raw UTF-8 are common.
 */
export function dispositionName(header: string): string | undefined {
  const { parameters } = parse(`;${header}`, { extended: false });
  const { filename, "filename*": extended = "" } = parameters;
  return decodeExtended(extended) ?? (filename && utf8OfLatin1(filename));
}

function candidates({
  suggested,
  url,
}: Pick<FileNameSource, "suggested" | "url">): readonly string[] {
  return [suggested ?? "", lastPathSegment(url) ?? ""];
}

/**
 * Header bytes arrive as Latin-1 or already decoded, depending on other headers. This restores the
 * UTF-8 that the sender meant.
 */
function utf8OfLatin1(text: string): string {
  const bytes = Buffer.from(text, "latin1");
  if (bytes.toString("latin1") !== text) return text;
  const decoded = bytes.toString("utf8");
  return decoded.includes("\uFFFD") ? text : decoded;
}

function lastPathSegment(url: string): string | undefined {
  const segment = new URL(url).pathname.split("/").findLast((part) => part !== "");
  return segment === undefined ? undefined : (percentDecoded(segment) ?? segment);
}

function percentDecoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

/** Extensions that are removed from a name, because the content decides the extension. */
const KNOWN_EXTENSION =
  /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|mp4|m4v|mov|mkv|webm|avi|flv|ts|mpe?g|wmv|html?|php|aspx?|bin)$/i;

/** Device names that Windows reserves. */
const RESERVED_NAME = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A name without its path, its extension and all unsafe characters. May be empty. */
function safeStem(name: string): string {
  const visible = name.normalize("NFC").replace(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu, "");
  const base = visible.split(/[\\/]/).at(-1)?.slice(0, MAX_NAME_LENGTH) ?? "";
  const stem = base
    .replace(KNOWN_EXTENSION, "")
    .replace(/[<>:"|?*%#&;$`'{}[\]~!^]/g, "_")
    .replace(/\s+/g, " ")
    .replace(/\.{2,}/g, ".")
    .replace(/^[.\s_-]+|[.\s]+$/g, "");
  return RESERVED_NAME.test(stem) ? `_${stem}` : stem;
}

function withExtension(stem: string, extension: string): string {
  const maxStemBytes = MAX_NAME_BYTES - extension.length;
  let kept = "";
  for (const character of stem) {
    if (Buffer.byteLength(kept + character) > maxStemBytes) break;
    kept += character;
  }
  return `${kept.replace(/[.\s]+$/, "")}${extension}`;
}
