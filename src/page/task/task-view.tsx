import { useSignal } from "@preact/signals";
import { type Task, TaskStatus, TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import { CompareFilms } from "../compare/compare-films.js";
import { ComparePictures } from "../compare/compare-pictures.js";
import { type Failure, toFailure } from "../failure.js";
import { hasEnded } from "../live/task-table.js";
import { CopyButton } from "../parts/copy-button.js";
import { Icon } from "../parts/icon.js";
import { newestSide } from "../parts/picture-url.js";
import { Progress } from "../parts/progress.js";
import { StatusMark } from "../parts/status-mark.js";
import { TaskActions } from "../parts/task-actions.js";
import { taskName } from "../parts/task-words.js";
import { Thumbnail } from "../parts/thumbnail.js";
import { useFreshLinks } from "../parts/use-fresh-links.js";
import { linkTo } from "../route.js";
import { useModel, useRunning, useTexts } from "../use-model.js";
import { Attempts } from "./attempts.js";
import { Chunks } from "./chunks.js";
import { asCurl, asGrpc } from "./copy-as.js";
import { Events } from "./events.js";
import { Facts } from "./facts.js";
import { FilmPreview } from "./film-preview.js";
import { StageTimes } from "./stage-times.js";
import "../compare/compare.css";
import "./task.css";

/** Everything about one task, its result first. */
export function TaskView({ taskId }: { readonly taskId: string }) {
  const { clients, table, feed } = useModel();
  const { t } = useTexts();
  const failure = useSignal<Failure | undefined>(undefined);
  useRunning(
    async (signal) => {
      try {
        const { task } = await clients.tasks.getTask({ taskId }, { signal });
        if (task !== undefined) table.merge([task]);
        failure.value = undefined;
      } catch (thrown) {
        if (!signal.aborted) failure.value = toFailure(thrown);
      }
    },
    [taskId, feed.generation.value],
  );
  void table.shape.value;
  const task = table.get(taskId)?.value;
  return (
    <div class="task-view">
      <a class="back" href={linkTo({ view: "tasks" })}>
        <Icon name="back" />
        {t("task.back")}
      </a>
      {task !== undefined && <TaskPage task={task} />}
      {task === undefined && failure.value !== undefined && <Missing failure={failure.value} />}
    </div>
  );
}

function TaskPage({ task }: { readonly task: Task }) {
  useFreshLinks(task);
  return (
    <>
      <header class="task-head">
        <h1>{taskName(task)}</h1>
        <StatusMark status={task.status} />
        <TaskActions task={task} />
      </header>
      <Stage task={task} />
      <div class="task-details">
        <div class="column">
          <StageTimes task={task} />
          <Chunks task={task} />
          <Attempts task={task} />
          <Events task={task} />
          <Notes task={task} />
        </div>
        <div class="column">
          <Facts task={task} />
          <Copies task={task} />
        </div>
      </div>
    </>
  );
}

/** The list and the stream hide the secrets in URLs: what is copied is read anew. */
function Copies({ task }: { readonly task: Task }) {
  const { clients } = useModel();
  const { t } = useTexts();
  const { taskId } = task;
  const whole = async (): Promise<Task> => (await clients.tasks.getTask({ taskId })).task ?? task;
  const { origin } = location;
  return (
    <div class="copies">
      <CopyButton name={t("action.copyId")} text={() => taskId} />
      <CopyButton name={t("action.copyCurl")} text={async () => asCurl(origin, await whole())} />
      <CopyButton name={t("action.copyGrpc")} text={async () => asGrpc(origin, await whole())} />
    </div>
  );
}

/** The result, or how far it has come. */
function Stage({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  if (task.status === TaskStatus.COMPLETED)
    return task.type === TaskType.VIDEO ? (
      <CompareFilms task={task} />
    ) : (
      <ComparePictures task={task} />
    );
  return (
    <div class="waiting">
      <Picture task={task} />
      <div class="waiting-words">
        {task.status === TaskStatus.PROCESSING && (
          <>
            <p class="big-number">
              {Math.floor(task.progress)} <span class="muted">%</span>
            </p>
            <Progress
              percent={task.progress}
              label={t("task.progress", { name: taskName(task) })}
            />
            <p class="muted">{task.runningNode ?? task.stages.at(-1)?.detail}</p>
          </>
        )}
        {task.status === TaskStatus.PENDING && <p>{t("tasks.waits")}</p>}
        {task.error !== undefined && (
          <p class="problem" role="alert">
            {task.error} <span class="mono">{task.errorCode}</span>
          </p>
        )}
      </div>
    </div>
  );
}

/** What is to be seen by now; of a task that ended before it had anything, nothing. */
function Picture({ task }: { readonly task: Task }) {
  if (task.previewUrl !== undefined) return <FilmPreview task={task} />;
  if (hasEnded(task) && newestSide(task) === undefined) return null;
  return <Thumbnail task={task} />;
}

function Notes({ task }: { readonly task: Task }) {
  const { t } = useTexts();
  if (task.notes.length === 0) return null;
  return (
    <section>
      <h2>{t("task.notes")}</h2>
      <ul class="notes">
        {task.notes.map((note) => (
          <li key={note}>{note}</li>
        ))}
      </ul>
    </section>
  );
}

function Missing({ failure }: { readonly failure: Failure }) {
  const { t } = useTexts();
  const isGone = failure.code === "TASK_NOT_FOUND";
  return (
    <div class="nothing" role="alert">
      <h1 class="nothing-title">{isGone ? t("task.gone") : failure.message}</h1>
      {isGone && <p>{t("task.goneHint")}</p>}
    </div>
  );
}
