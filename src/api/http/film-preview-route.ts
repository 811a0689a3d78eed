import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { createProblem, sendProblem } from "../calls/problem.js";
import { registerGet } from "./get-route.js";
import type { OutputFiles } from "./outputs-route.js";
import { sendFile } from "./send-file.js";

/** The films that can be watched while they render. */
export interface FilmPreviewPages {
  /** The playlist that a player opens; undefined: there is nothing to watch. */
  master(taskId: string): Promise<string | undefined>;
  /** Another playlist by its file name; undefined: there is none. */
  playlist(taskId: string, name: string): Promise<string | undefined>;
  /** The object of a segment by its file name; undefined: no segment has such a name. */
  keyOf(taskId: string, name: string): string | undefined;
}

/** Where segments come from: the service's own disk, or a storage that clients reach themselves. */
export type SegmentSource =
  | { readonly files: OutputFiles }
  | { readonly url: (key: string) => Promise<{ readonly url: string }> };

interface PreviewParams {
  readonly taskId: string;
  readonly name: string;
}

const PLAYLIST_TYPE = "application/vnd.apple.mpegurl";
const RETRY_SECONDS = "2";

/**
 * Serves `GET /tasks/{task_id}/preview.m3u8` and what it names, `/tasks/{task_id}/preview/hls/{file}`:
 * HTTP Live Streaming (RFC 8216) of a film that still renders.
 */
export function registerFilmPreviews(
  app: FastifyInstance,
  previews: FilmPreviewPages,
  source: SegmentSource,
): void {
  registerGet(app, "/tasks/:taskId/preview.m3u8", async (request, reply) => {
    const { taskId } = request.params as PreviewParams;
    return answerPlaylist(request, reply, await previews.master(taskId));
  });
  registerGet(app, "/tasks/:taskId/preview/hls/:name", async (request, reply) => {
    const { taskId, name } = request.params as PreviewParams;
    if (name.endsWith(".m3u8"))
      return answerPlaylist(request, reply, await previews.playlist(taskId, name));
    const key = previews.keyOf(taskId, name);
    if (key === undefined) return answerNothing(reply);
    return await answerSegment(request, reply, key, name, source);
  });
}

/** A playlist grows, so that nobody may keep it. */
function answerPlaylist(
  { query }: FastifyRequest,
  reply: FastifyReply,
  playlist: string | undefined,
): FastifyReply {
  if (playlist === undefined) return answerNothing(reply);
  const text = withQuery(playlist, linkQueryOf(query as Readonly<Record<string, unknown>>));
  return reply.header("cache-control", "no-cache").type(PLAYLIST_TYPE).send(text);
}

/** Of a request by a signed link, which opens all of a preview. */
function linkQueryOf({ expires, signature }: Readonly<Record<string, unknown>>): string {
  const query = `?expires=${String(expires)}&signature=${String(signature)}`;
  return /^\?expires=\d+&signature=[\w-]+$/.test(query) ? query : "";
}

/** A playlist whose files are asked for with a query: those in lines of their own, and in attributes. */
function withQuery(playlist: string, query: string): string {
  return playlist.replace(/^[^#\s].*$/gm, `$&${query}`).replace(/(?<=URI=")[^"]+/g, `$&${query}`);
}

async function answerSegment(
  request: FastifyRequest,
  reply: FastifyReply,
  key: string,
  name: string,
  source: SegmentSource,
): Promise<FastifyReply> {
  if ("url" in source) return reply.redirect((await source.url(key)).url);
  const file = await source.files.open(key);
  return file === undefined ? answerNothing(reply) : await sendFile(request, reply, file, name);
}

function answerNothing(reply: FastifyReply): FastifyReply {
  const detail =
    "There is nothing to watch: the task is no film of several chunks, its first chunk has not completed, or it ended too long ago";
  const headers = { "retry-after": RETRY_SECONDS };
  return sendProblem(reply, createProblem(404, "PREVIEW_NOT_FOUND", detail, { headers }));
}
