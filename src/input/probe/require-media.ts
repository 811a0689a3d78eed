import { TaskError } from "../../domain/errors.js";
import { headOfFile } from "../../lib/head-of-file.js";
import { type SniffedType, sniffMediaType } from "./sniff-media-type.js";

const SUPPORTED =
  "supported are JPEG, PNG, WebP, GIF, TIFF and AVIF images and MP4, MOV, MKV and WebM videos";

/** This many first bytes are enough to tell web pages and text from other content. */
const HEAD_BYTES = 1024;

/**
 * Finds out by the content what kind of input a file is.
 *
 * @throws TaskError INPUT_TYPE_UNSUPPORTED that says what the file is and which types are
 *   supported.
 */
export async function requireMedia(path: string): Promise<Required<SniffedType>> {
  const { type, mediaType, extension } = await sniffMediaType(path);
  if (type !== undefined && extension !== undefined) return { type, mediaType, extension };
  if (mediaType === "image/apng") throw unsupported("it is an animated PNG, not a still image");
  const head = headOfFile(path, HEAD_BYTES);
  if (head.length === 0) throw unsupported("it is empty");
  if (looksLikeHtml(head))
    throw unsupported("it is a web page (HTML); the URL must lead to the file itself");
  if (extension !== undefined) throw unsupported(`it is of the type ${mediaType}`);
  throw unsupported(looksLikeText(head) ? "it is text" : "its content is of no known type");
}

function unsupported(what: string): TaskError {
  return new TaskError("INPUT_TYPE_UNSUPPORTED", `Cannot use input: ${what}; ${SUPPORTED}`);
}

function looksLikeHtml(head: Buffer): boolean {
  return /<(!doctype html|html|head|body|script)\b/i.test(head.toString("latin1"));
}

function looksLikeText(head: Buffer): boolean {
  return head.every((byte) => byte >= 0x09);
}
