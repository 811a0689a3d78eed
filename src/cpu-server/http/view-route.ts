import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { basename, extname } from "node:path";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type Folders, isFolderType, splitAnnotation } from "../folders.js";
import { answerFile } from "./file-answer.js";
import { addRoute } from "./http-server.js";
import { queryValue } from "./query.js";

/**
 * Adds `GET /view`, which sends a file of one of the folders, whole or in part. Previews and
 * channels are not supported.
 */
export function addViewRoute(app: FastifyInstance, folders: Folders): void {
  addRoute(app, "/view", {
    GET: async (request, reply) => {
      const place = findFile(request, folders);
      if (typeof place === "number") return await reply.code(place).send();
      const file = await open(place.path).catch(() => undefined);
      if (file === undefined) return await reply.code(404).send();
      return await sendFile(request, reply, file, place.name);
    },
  });
}

/** The requested file, or the status of the refusal. */
function findFile(
  { query }: FastifyRequest,
  folders: Folders,
): { path: string; name: string } | 400 | 403 | 404 {
  const asked = queryValue(query, "filename");
  if (asked === undefined) return 404;
  const { name: annotated, type: annotatedType } = splitAnnotation(asked);
  if (annotated === "" || annotated.startsWith("/") || annotated.includes("..")) return 400;
  const type = annotatedType ?? queryValue(query, "type") ?? "output";
  if (!isFolderType(type)) return 400;
  const dir = folders.resolve(type, queryValue(query, "subfolder") ?? "");
  if (dir === undefined) return 403;
  // Only the last part of the name counts. Folders are given in `subfolder`.
  const name = basename(annotated);
  const path = folders.resolve(type, dir, name);
  return path === undefined || path.includes("\0") ? 404 : { path, name };
}

async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  file: FileHandle,
  name: string,
): Promise<FastifyReply> {
  let isStreaming = false;
  try {
    const stats = await file.stat();
    if (!stats.isFile()) return await reply.code(404).send();
    const facts = { sizeBytes: stats.size, mtimeMs: stats.mtimeMs };
    const { status, headers, range } = answerFile(request.headers, facts);
    reply.code(status).headers(headers).type(contentType(name));
    reply.header("content-disposition", `filename="${encodeURI(name)}"`);
    const isEmpty = range === undefined || range.last < range.first;
    if (isEmpty || request.method === "HEAD") return await reply.send();
    isStreaming = true;
    const { first: start, last: end } = range;
    return await reply.send(createReadStream("", { fd: file, start, end }));
  } finally {
    // The stream closes the file at its end.
    if (!isStreaming) await file.close();
  }
}

/** Types that a browser would run are sent as `application/octet-stream`, like unknown types. */
function contentType(name: string): string {
  return CONTENT_TYPES[extname(name).toLowerCase()] ?? "application/octet-stream";
}

const CONTENT_TYPES: Readonly<Record<string, string>> = {
  ".png": "image/png",
  ".jpg": "image/jpeg",
  ".jpeg": "image/jpeg",
  ".webp": "image/webp",
  ".gif": "image/gif",
  ".tif": "image/tiff",
  ".tiff": "image/tiff",
  ".mp4": "video/mp4",
  ".webm": "video/webm",
  ".mov": "video/quicktime",
  ".mkv": "video/x-matroska",
  ".txt": "text/plain",
  ".json": "application/json",
};
