import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { isTerminal } from "../../domain/task.js";
import { TaskSchema } from "../../gen/tmlsr/v1/task_pb.js";
import { Deadline } from "../../lib/deadline.js";
import type { TaskView } from "../../service/task-view.js";
import { watchClient } from "../calls/watch-client.js";
import { printResponse } from "../rest/response-printer.js";
import type { Tasks } from "../rpc/task-handlers.js";
import { toProtoTask } from "../rpc/task-mapper.js";

/** What {@link registerPreferWait} works with. */
export interface PreferWaitOptions {
  /** The use cases for whoever calls. */
  readonly tasksOf: (request: FastifyRequest) => Pick<Tasks, "watch">;
  /** Ends the waiting: whoever waits gets the usual answer. */
  readonly shutdownSignal: AbortSignal;
}

const MAX_SECONDS = 60;

/**
 * Serves `Prefer: wait=N` (RFC 7240, 4.3) on `POST /tasks`, N from 1 to 60 seconds: where the task ends in
 * time, the answer is the task as `GET` shows it, with `Preference-Applied`; else it is the usual one. The
 * waiting is no part of the call, which has limits of its own.
 */
export function registerPreferWait(app: FastifyInstance, options: PreferWaitOptions): void {
  app.addHook("onSend", (request, reply, payload, done) => {
    const seconds = wantedSeconds(request);
    if (seconds === undefined || reply.statusCode !== 200 || typeof payload !== "string")
      done(null, payload);
    else
      waitedText(request, reply, { payload, seconds, ...options }).then(
        (text) => done(null, text),
        done,
      );
  });
}

interface Waiting extends PreferWaitOptions {
  /** The usual answer. */
  readonly payload: string;
  readonly seconds: number;
}

/** The text to answer with once the task has ended or the time is over. */
async function waitedText(
  request: FastifyRequest,
  reply: FastifyReply,
  { payload, seconds, tasksOf, shutdownSignal }: Waiting,
): Promise<string> {
  const { task_id: taskId } = JSON.parse(payload) as { readonly task_id: string };
  const signal = AbortSignal.any([shutdownSignal, watchClient(reply)]);
  using deadline = new Deadline(signal, seconds * 1000);
  const ended = await untilEnded(tasksOf(request), taskId, deadline.signal);
  if (ended === undefined) return payload;
  reply.header("preference-applied", `wait=${seconds}`);
  const text = printResponse(TaskSchema, toProtoTask(ended));
  reply.header("content-length", Buffer.byteLength(text));
  return text;
}

/** Undefined where the request has no such preference: one that cannot be met is ignored. */
function wantedSeconds({ method, url, headers }: FastifyRequest): number | undefined {
  if (method !== "POST" || !/^\/tasks\/?(\?|$)/.test(url)) return undefined;
  const [, text] =
    /(?:^|[,\s])wait\s*=\s*"?(\d{1,3})"?\s*(?:[,;]|$)/i.exec(String(headers["prefer"] ?? "")) ?? [];
  const seconds = Number(text);
  return seconds >= 1 && seconds <= MAX_SECONDS ? seconds : undefined;
}

/** The task once it has ended. Whatever keeps it from being read, it was accepted. */
async function untilEnded(
  tasks: Pick<Tasks, "watch">,
  taskId: string,
  signal: AbortSignal,
): Promise<TaskView | undefined> {
  try {
    for await (const view of tasks.watch(taskId, 0, signal))
      if (isTerminal(view.task.status)) return view;
  } catch {
    return undefined;
  }
  return undefined;
}
