import { useSignal } from "@preact/signals";
import { useEffect, useMemo } from "preact/hooks";
import { TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import { type TaskFilter, TaskPages } from "../live/task-pages.js";
import { linkTo } from "../route.js";
import { useModel, useRunning, useTexts } from "../use-model.js";
import { FilterBar } from "./filter-bar.js";
import { TaskRow } from "./task-row.js";
import { VirtualList } from "./virtual-list.js";
import "./tasks.css";

const ANY: TaskFilter = { status: TaskStatus.UNSPECIFIED, labels: [] };

/** The live list of tasks. */
export function TasksView() {
  const { clients, table, feed } = useModel();
  const { t } = useTexts();
  const filter = useSignal(ANY);
  const pages = useMemo(() => new TaskPages(clients, table, filter.value), [filter.value]);
  const stop = useMemo(() => new AbortController(), [pages]);
  useEffect(() => () => stop.abort(), [stop]);
  useRunning(async (signal) => await pages.refresh(signal), [pages, feed.generation.value]);
  const tasks = pages.tasks.value;
  const failure = pages.failure.value;
  return (
    <>
      <h1 class="unseen">{t("tasks.title")}</h1>
      <FilterBar filter={filter} />
      {failure !== undefined && (
        <p class="problem" role="alert">
          {t("tasks.failed", { reason: failure.message })}
        </p>
      )}
      {tasks.length > 0 ? (
        <VirtualList
          label={t("tasks.list")}
          items={tasks}
          keyOf={(task) => task.taskId}
          draw={(task) => <TaskRow taskId={task.taskId} />}
          onEnd={() => void pages.more(stop.signal)}
        />
      ) : (
        <Nothing
          isFiltered={filter.value !== ANY}
          isLoading={pages.isLoading.value}
          onClear={() => {
            filter.value = ANY;
          }}
        />
      )}
    </>
  );
}

interface NothingProps {
  readonly isFiltered: boolean;
  readonly isLoading: boolean;
  readonly onClear: () => void;
}

function Nothing({ isFiltered, isLoading, onClear }: NothingProps) {
  const { t } = useTexts();
  if (isLoading)
    return (
      <p class="nothing" role="status">
        {t("tasks.loading")}
      </p>
    );
  if (isFiltered)
    return (
      <div class="nothing">
        <p>{t("tasks.emptyFilter")}</p>
        <button type="button" onClick={onClear}>
          {t("tasks.clear")}
        </button>
      </div>
    );
  return (
    <div class="nothing">
      <p class="nothing-title">{t("tasks.empty")}</p>
      <p>{t("tasks.emptyHint")}</p>
      <a class="button primary" href={linkTo({ view: "submit" })}>
        {t("nav.submit")}
      </a>
    </div>
  );
}
