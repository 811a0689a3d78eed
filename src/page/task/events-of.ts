import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { hasEnded } from "../live/task-table.js";
import { statusWord } from "../parts/status-word.js";
import { millis } from "../texts/format.js";
import type { Translate } from "../texts/texts.js";

/** Something that happened to a task. */
export interface TaskEvent {
  readonly atMs: number;
  readonly words: string;
}

/** Gathers what a task tells of its past, oldest first. */
export function eventsOf(task: Task, t: Translate): readonly TaskEvent[] {
  const attempts = task.attempts.flatMap(({ attempt, server, startedAt, endedAt, reason }) => [
    {
      atMs: millis(startedAt),
      words: server
        ? t("task.attemptBeganOn", { attempt, server })
        : t("task.attemptBegan", { attempt }),
    },
    ...(endedAt === undefined || reason === undefined
      ? []
      : [{ atMs: millis(endedAt), words: t("task.attemptEnded", { attempt, reason }) }]),
  ]);
  const end = hasEnded(task)
    ? [
        {
          atMs: millis(task.updatedAt),
          words: t("task.endedAs", { status: t(`status.${statusWord(task.status)}`) }),
        },
      ]
    : [];
  const all = [{ atMs: millis(task.createdAt), words: t("task.created") }, ...attempts, ...end];
  return all.toSorted((a, b) => a.atMs - b.atMs);
}
