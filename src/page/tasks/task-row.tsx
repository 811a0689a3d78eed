import { type Task, TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import { Progress } from "../parts/progress.js";
import { StatusMark } from "../parts/status-mark.js";
import { TaskActions } from "../parts/task-actions.js";
import { runningStage, stageWord, taskName, tookSeconds } from "../parts/task-words.js";
import { Thumbnail } from "../parts/thumbnail.js";
import { useFreshLinks } from "../parts/use-fresh-links.js";
import { linkTo } from "../route.js";
import { duration, millis } from "../texts/format.js";
import { useModel, useTexts } from "../use-model.js";

/** One task of the list. It draws itself anew when its task changes. */
export function TaskRow({ taskId }: { readonly taskId: string }) {
  const { table } = useModel();
  const task = table.get(taskId)?.value;
  return task === undefined ? null : <Row task={task} />;
}

function Row({ task }: { readonly task: Task }) {
  const { taskId } = task;
  useFreshLinks(task);
  return (
    <>
      <a class="row-link" href={linkTo({ view: "task", taskId })}>
        <Thumbnail task={task} />
        <span class="row-name">
          <span class="name">{taskName(task)}</span>
          <span class="row-facts">
            <span class="mono">{taskId.slice(0, 8)}</span>
            <span>{task.workflow}</span>
            <Labels task={task} />
          </span>
        </span>
      </a>
      <span class="row-state">
        <State task={task} />
      </span>
      <span class="row-time">
        <Times task={task} />
      </span>
      <TaskActions task={task} />
    </>
  );
}

function Labels({ task }: { readonly task: Task }) {
  return (
    <>
      {Object.entries(task.labels).map(([key, value]) => (
        <span key={key} class="tag">
          {key}:{value}
        </span>
      ))}
    </>
  );
}

function State({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  if (task.status === TaskStatus.PROCESSING) {
    const stage = runningStage(task);
    return (
      <>
        <span class="row-stage">
          <StatusMark status={task.status} />
          <span class="muted">{stage && t(`stage.${stageWord(stage.name)}`)}</span>
          <span class="percent">{Math.floor(task.progress)} %</span>
        </span>
        <Progress percent={task.progress} label={t("task.progress", { name: taskName(task) })} />
      </>
    );
  }
  return (
    <>
      <StatusMark status={task.status} />
      {task.error !== undefined && (
        <span class="row-error" title={task.error}>
          {task.error}
        </span>
      )}
    </>
  );
}

function Times({ task }: { readonly task: Task }) {
  const { nowMs } = useModel();
  const { format } = useTexts();
  const createdMs = millis(task.createdAt);
  return (
    <>
      <time dateTime={new Date(createdMs).toISOString()} title={format.dateTime(createdMs)}>
        {format.relative(Math.min(createdMs, nowMs.value), nowMs.value)}
      </time>
      <span class="muted">{duration(tookSeconds(task, nowMs.value))}</span>
    </>
  );
}
