import { setTimeout as sleep } from "node:timers/promises";
import type { z } from "zod";
import { backoffMs } from "../../lib/backoff.js";
import { CommandFailure, EXIT } from "../failure.js";
import { documents, hasEnded, type TaskDocument, watched } from "./documents.js";
import { readLines } from "./read-lines.js";
import type { Service } from "./service.js";

type Watched = z.infer<typeof watched>;

/**
 * Every state of one task, the last one ended. A stream that is cut, also by a restart of the service,
 * goes on where it was.
 */
export async function* watchTask(
  service: Service,
  taskId: string,
  signal: AbortSignal,
): AsyncGenerator<TaskDocument> {
  for await (const { task } of follow(service, `/tasks/${taskId}:watch`, signal)) {
    yield task;
    if (hasEnded(task)) return;
  }
}

/** The messages of a stream without end, across cuts. */
export async function* follow(
  service: Service,
  path: string,
  signal: AbortSignal,
): AsyncGenerator<Watched> {
  let cursor = "";
  for (let cutCount = 1; ; cutCount += 1) {
    const body = await service.patiently(signal, () => open(service, path, cursor, signal));
    for await (const message of messages(body, signal)) {
      cutCount = 0;
      cursor = message.cursor;
      yield message;
    }
    await sleep(backoffMs(cutCount + 1, PAUSE), undefined, { signal });
  }
}

const PAUSE = { baseMs: 100, capMs: 5_000 };
const NDJSON = "application/x-ndjson";

async function open(
  service: Service,
  path: string,
  cursor: string,
  signal: AbortSignal,
): Promise<ReadableStream<Uint8Array>> {
  const mark = path.includes("?") ? "&" : "?";
  const from = cursor === "" ? path : `${path}${mark}cursor=${encodeURIComponent(cursor)}`;
  const { body } = await service.fetch(from, { headers: { accept: NDJSON }, signal });
  if (body === null) throw new TypeError("The stream has no body");
  return body;
}

/** Ends where the stream is cut, or ends with the problem of a service that stops. */
async function* messages(
  body: ReadableStream<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Watched> {
  try {
    for await (const line of readLines(body)) {
      const value: unknown = JSON.parse(line);
      const message = watched.safeParse(value);
      if (message.success) yield message.data;
      else if (documents.problem.safeParse(value).success) return;
      else throw new CommandFailure(EXIT.refused, "The service streams something else than tasks");
    }
  } catch (error) {
    signal.throwIfAborted();
    // Node's fetch throws it when the connection is cut.
    if (!(error instanceof TypeError || error instanceof SyntaxError)) throw error;
  }
}
