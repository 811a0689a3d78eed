import { randomBytes } from "node:crypto";
import { isSafeKey } from "../../storage/object-key.js";

/** The prefix of the keys of all uploads. */
export const UPLOADS_FOLDER = "uploads/";
/** The scheme of the URLs of uploads, as in `URL.protocol`. */
export const UPLOAD_SCHEME = "upload:";

/**
 * Makes the key of a new upload, `uploads/{upload_id}/{file name}`. The id is 128 random bits:
 * anybody who knows the URL can create tasks with the file, so the id must not be guessable.
 */
export function newUploadKey(fileName: string): string {
  return `${UPLOADS_FOLDER}${randomBytes(16).toString("hex")}/${fileName}`;
}

/** The URL that names an upload, `upload://{upload_id}/{file name}`. */
export function uploadUrl(key: string): string {
  const [id = "", fileName = ""] = key.slice(UPLOADS_FOLDER.length).split("/");
  return `${UPLOAD_SCHEME}//${id}/${encodeURIComponent(fileName)}`;
}

/**
 * The key of the upload that a URL names. Undefined for every URL that {@link uploadUrl} cannot
 * have made.
 */
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
