import { create } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import type { ChunkTask } from "../../domain/task.js";
import { TaskStatus } from "../../gen/tmlsr/v1/task_pb.js";
import {
  GetTaskResponseSchema,
  SubmitStatus,
  type TaskService as TaskProto,
  WatchTasksResponseSchema,
} from "../../gen/tmlsr/v1/task_service_pb.js";
import { defined } from "../../lib/defined.js";
import { mapInTurns } from "../../lib/in-turns.js";
import { perObject } from "../../lib/per-object.js";
import type { NewsView, TaskService } from "../../service/task-service.js";
import type { TaskView } from "../../service/task-view.js";
import { abortable } from "../calls/abortable.js";
import { toListedTask, toProtoChunk, toProtoNews, toProtoTask } from "./task-mapper.js";
import {
  toCreateTask,
  toCreateTasks,
  toLabel,
  toTaskStatus,
  toWatchedTasks,
} from "./task-request.js";

/** The use cases behind tmlsr.v1.TaskService. */
export type Tasks = Pick<
  TaskService,
  | "create"
  | "createTogether"
  | "retry"
  | "violations"
  | "get"
  | "chunks"
  | "list"
  | "cancel"
  | "cancelAll"
  | "cancelLabeled"
  | "watch"
  | "watchMany"
>;

/** The handlers of tmlsr.v1.TaskService. */
export function createTaskHandlers(tasks: Tasks): ServiceImpl<typeof TaskProto> {
  return {
    async createTask(request, { requestHeader }) {
      const create = toCreateTask(request, requestHeader.get("idempotency-key"));
      const { taskId } = await tasks.create(create);
      return { status: SubmitStatus.OK, taskId };
    },

    async batchCreateTasks({ tasks: requests, idempotencyKey }, { requestHeader }) {
      const key = idempotencyKey ?? requestHeader.get("idempotency-key");
      const created = await tasks.createTogether(toCreateTasks(requests, key));
      return { status: SubmitStatus.OK, taskIds: created.map(({ taskId }) => taskId) };
    },

    async cancelTasks({ label, taskIds }, { signal }) {
      const canceled =
        label === ""
          ? await tasks.cancelAll(taskIds, signal)
          : await tasks.cancelLabeled(toLabel(label), signal);
      return { canceled };
    },

    async retryTask({ taskId }) {
      const retried = await tasks.retry(taskId);
      return { status: SubmitStatus.OK, taskId: retried.taskId };
    },

    getTask: getTask(tasks),

    async listChunks({ taskId }) {
      const chunk = ([index, task]: readonly [number, ChunkTask]) => toProtoChunk(task, index);
      return { chunks: await mapInTurns((await tasks.chunks(taskId)).entries(), chunk) };
    },

    async listTasks({ pageSize, pageToken, status: asked, label }) {
      const status = toTaskStatus(asked);
      const labels = label.length > 0 ? label.map(toLabel) : undefined;
      const page = await tasks.list({
        pageSize,
        ...defined({ pageToken: pageToken || undefined, status, labels }),
      });
      const { nextPageToken = "" } = page;
      return { tasks: await mapInTurns(page.tasks, toListedTask), nextPageToken };
    },

    async cancelTask({ taskId }) {
      await tasks.cancel(taskId);
      return { status: TaskStatus.CANCELED };
    },

    async *watchTask({ taskId, cursor }, { signal }) {
      const views = tasks.watch(taskId, Number(cursor), signal);
      for await (const view of abortable(views, signal))
        yield { task: toProtoTask(view), cursor: String(view.task.rev) };
    },

    watchTasks: watchTasks(tasks),
  };
}

/** A task that is read again before it changes is answered with the same message, which is printed once. */
function getTask(tasks: Pick<Tasks, "get">): ServiceImpl<typeof TaskProto>["getTask"] {
  const toAnswer = perObject((view: TaskView) =>
    create(GetTaskResponseSchema, { task: toProtoTask(view) }),
  );
  return async ({ taskId }) => toAnswer(await tasks.get(taskId));
}

/** News that look the same are one message for all streams that tell them. */
function watchTasks(tasks: Pick<Tasks, "watchMany">): ServiceImpl<typeof TaskProto>["watchTasks"] {
  const toNews = perObject((news: NewsView) => create(WatchTasksResponseSchema, toProtoNews(news)));
  return async function* (request, { signal }) {
    const news = tasks.watchMany(toWatchedTasks(request), request.cursor || undefined, signal);
    for await (const each of abortable(news, signal)) yield toNews(each);
  };
}
