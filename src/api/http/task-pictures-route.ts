import type { FastifyInstance, FastifyReply } from "fastify";
import { TaskError } from "../../domain/errors.js";
import { isUnchanged } from "../../lib/is-unchanged.js";
import type { TaskService } from "../../service/task-service.js";
import { watchClient } from "../calls/watch-client.js";
import { registerGet } from "./get-route.js";
import { type OutputFile, sendFile } from "./send-file.js";

/** The use cases behind the routes. */
export type TaskPictures = Pick<TaskService, "preview" | "uploadedInput">;

/** Where an uploaded file is: open for reading, or at a URL that leads to it. */
type InputFile = OutputFile | { readonly url: string };

/** Finds an uploaded file; undefined if it is not there any more. */
export type OpenFile = (key: string, signal: AbortSignal) => Promise<InputFile | undefined>;

type Side = Parameters<TaskPictures["preview"]>[1];
type Width = Parameters<TaskPictures["preview"]>[2];

const WIDTHS: readonly Width[] = [320, 640, 1280, 1920];
const DEFAULT_WIDTH: Width = 640;
const SIDES: readonly Side[] = ["input", "output"];
const YEAR_SECONDS = 31_536_000;

/**
 * Serves `GET /tasks/{task_id}/preview/{input|output}?w=320|640|1280|1920`: a WebP that never changes, at
 * most so wide and never wider than what it shows.
 */
export function registerPreviews(app: FastifyInstance, tasks: TaskPictures): void {
  for (const side of SIDES)
    registerGet(app, `/tasks/:taskId/preview/${side}`, async (request, reply) => {
      const { taskId } = request.params as { readonly taskId: string };
      const { w } = request.query as { readonly w?: unknown };
      const { webp, etag } = await tasks.preview(taskId, side, readWidth(w), watchClient(reply));
      reply.headers({ etag, "cache-control": `private, max-age=${YEAR_SECONDS}, immutable` });
      if (isUnchanged(request.headers, { etag, "last-modified": "" }))
        return reply.code(304).send();
      return sendPicture(reply, webp);
    });
}

/** Serves `GET /tasks/{task_id}/input`: the input where it was uploaded. */
export function registerInputs(app: FastifyInstance, tasks: TaskPictures, open: OpenFile): void {
  registerGet(app, "/tasks/:taskId/input", async (request, reply) => {
    const { taskId } = request.params as { readonly taskId: string };
    const { key, mediaType } = await tasks.uploadedInput(taskId);
    const file = await open(key, watchClient(reply));
    if (file === undefined) throw new TaskError("INPUT_NOT_AVAILABLE", EXPIRED);
    reply.header("cache-control", "private, no-cache");
    if ("url" in file) return reply.redirect(file.url, 302);
    return await sendFile(request, reply, typed(file, mediaType), key.split("/").at(-1) ?? "input");
  });
}

const EXPIRED = "The service does not have the input any more: the upload has expired";

/** @throws TaskError INVALID_REQUEST */
function readWidth(text: unknown): Width {
  if (text === undefined || text === "") return DEFAULT_WIDTH;
  const width = WIDTHS.find((each) => String(each) === text);
  if (width !== undefined) return width;
  const message = `w must be one of ${WIDTHS.join(", ")}`;
  throw new TaskError("INVALID_REQUEST", message, { violations: [{ field: "w", message }] });
}

function sendPicture(reply: FastifyReply, webp: Uint8Array): FastifyReply {
  return reply
    .type("image/webp")
    .header("x-content-type-options", "nosniff")
    .send(Buffer.from(webp));
}

/** The name is the client's: what the file is, its content said when it was looked at. */
function typed(file: OutputFile, mediaType: string): OutputFile {
  return {
    ...{ sizeBytes: file.sizeBytes, etag: file.etag, modifiedAt: file.modifiedAt, mediaType },
    read: (first, last) => file.read(first, last),
    [Symbol.asyncDispose]: () => file[Symbol.asyncDispose](),
  };
}
