import { randomBytes } from "node:crypto";
import { isSafeKey } from "../../storage/object-key.js";

/** Below which all uploads are kept. */
export const UPLOADS_FOLDER = "uploads/";
/** The scheme of the URLs of uploads, as `URL.protocol` has it. */
export const UPLOAD_SCHEME = "upload:";

/**
 * The key of a new upload, `uploads/{upload_id}/{file name}`. Its id is 128 random bits: whoever knows
 * the URL may have the file worked on, so nobody must guess it.
 */
export function newUploadKey(fileName: string): string {
  return `${UPLOADS_FOLDER}${randomBytes(16).toString("hex")}/${fileName}`;
}

/** The URL that names an upload, `upload://{upload_id}/{file name}`. */
export function uploadUrl(key: string): string {
  const [id = "", fileName = ""] = key.slice(UPLOADS_FOLDER.length).split("/");
  return `${UPLOAD_SCHEME}//${id}/${encodeURIComponent(fileName)}`;
}

/** The key of the upload that a URL names; undefined for any URL that {@link uploadUrl} never makes. */
export function uploadKeyOf(url: string): string | undefined {
  const [, id, encoded] = /^upload:\/\/([0-9a-f]{32})\/([^/?#]+)$/i.exec(url) ?? [];
  const fileName = encoded === undefined ? undefined : decoded(encoded);
  if (id === undefined || fileName === undefined || fileName.includes("/")) return undefined;
  const key = `${UPLOADS_FOLDER}${id.toLowerCase()}/${fileName}`;
  return isSafeKey(key) ? key : undefined;
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}
