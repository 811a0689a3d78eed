const MAX_NAME_BYTES = 120;
/** More than this of a suggested name is not looked at. */
const MAX_NAME_LENGTH = 500;

/** What a file name is made of. */
export interface FileNameSource {
  /** From {@link suggestedName}; untrusted. */
  readonly suggestedName?: string | undefined;
  /** The name where nothing usable was suggested. */
  readonly taskId: string;
  /** Of the real content, without the dot. */
  readonly extension: string;
}

/**
 * What an origin calls a file: Content-Disposition, `filename*` before `filename`, else the last
 * segment of the URL's path. Untrusted; {@link prettyFileName} and {@link asciiFileName} make a file
 * name of it.
 */
export function suggestedName(
  contentDisposition: string | undefined,
  url: string,
): string | undefined {
  return dispositionName(contentDisposition ?? "") || lastPathSegment(url);
}

/**
 * A file name for people, in any script: no path, control, bidirectional or reserved characters, no
 * reserved name, at most 120 bytes of UTF-8, with the extension of the real content.
 */
export function prettyFileName({ suggestedName, taskId, extension }: FileNameSource): string {
  const stem = safeStem(suggestedName ?? "");
  return withExtension(stem === "" ? taskId : stem, extension);
}

/** Like {@link prettyFileName}, of letters, digits, `.`, `_` and `-` alone. */
export function asciiFileName({ suggestedName, taskId, extension }: FileNameSource): string {
  const decomposed = (suggestedName ?? "").normalize("NFKD").replace(/\p{M}+/gu, "");
  const stem = safeStem(decomposed).replace(/[^\w.-]+/g, "_");
  return withExtension(/[a-z0-9]/i.test(stem) ? stem : taskId, extension);
}

/** RFC 6266, leniently: names without quotes, raw UTF-8 and percent-encoding are common. */
function dispositionName(header: string): string | undefined {
  const extended = /(?:^|;)\s*filename\*\s*=\s*utf-8'[^']*'([^;\s]+)/i.exec(header)?.[1];
  const decoded = extended === undefined ? undefined : percentDecoded(extended);
  if (decoded !== undefined) return decoded;
  const plain = /(?:^|;)\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;]+))/i.exec(header);
  const raw = plain?.[1]?.replace(/\\(.)/g, "$1") ?? plain?.[2]?.trim();
  return raw === undefined ? undefined : utf8OfLatin1(raw);
}

/** Header bytes come as Latin-1 or decoded, depending on other headers; UTF-8 is what was meant. */
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

/** Extensions that a name loses, since the content decides. */
const KNOWN_EXTENSION =
  /\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|hei[cf]|mp4|m4v|mov|mkv|webm|avi|flv|ts|mpe?g|wmv|html?|php|aspx?|bin)$/i;

/** Names that Windows reserves for devices. */
const RESERVED_NAME = /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i;

/** A name without its path and extension, and without anything that is unsafe in one; may be empty. */
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
  const maxStemBytes = MAX_NAME_BYTES - extension.length - 1;
  let kept = "";
  for (const character of stem) {
    if (Buffer.byteLength(kept + character) > maxStemBytes) break;
    kept += character;
  }
  return `${kept.replace(/[.\s]+$/, "")}.${extension}`;
}
