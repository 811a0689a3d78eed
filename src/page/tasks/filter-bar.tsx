import { type Signal, useSignal } from "@preact/signals";
import type { TaskCounts } from "../../client/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { TaskFilter } from "../live/task-pages.js";
import { Icon } from "../parts/icon.js";
import { statusWord } from "../parts/status-word.js";
import { linkTo } from "../route.js";
import { useModel, useTexts } from "../use-model.js";

const STATUSES = [
  TaskStatus.UNSPECIFIED,
  TaskStatus.PROCESSING,
  TaskStatus.PENDING,
  TaskStatus.COMPLETED,
  TaskStatus.FAILED,
  TaskStatus.CANCELED,
];

/** Chooses which tasks are listed. */
export function FilterBar({ filter }: { readonly filter: Signal<TaskFilter> }) {
  const { stats } = useModel();
  const { t } = useTexts();
  const counts = stats.value.value?.stats;
  return (
    <div class="filter-bar">
      <fieldset class="chips" aria-label={t("tasks.filters")}>
        {STATUSES.map((status) => (
          <button
            key={status}
            type="button"
            class="chip"
            aria-pressed={filter.value.status === status}
            onClick={() => {
              filter.value = { ...filter.value, status };
            }}
          >
            {status === TaskStatus.UNSPECIFIED ? t("tasks.all") : t(`status.${statusWord(status)}`)}
            <Count counts={counts} status={status} />
          </button>
        ))}
      </fieldset>
      <LabelFilter filter={filter} />
      <FindById />
    </div>
  );
}

interface CountProps {
  readonly counts: TaskCounts | undefined;
  readonly status: TaskStatus;
}

function Count({ counts, status }: CountProps) {
  const { format } = useTexts();
  const word = statusWord(status);
  if (counts === undefined || word === "unspecified") return null;
  return counts[word] === 0 ? null : <span class="count">{format.number(counts[word])}</span>;
}

const LABEL = /^[a-z0-9_.-]{1,63}:/;

function LabelFilter({ filter }: { readonly filter: Signal<TaskFilter> }) {
  const { t } = useTexts();
  const isBad = useSignal(false);
  const text = filter.value.labels.join(" ");
  return (
    <label class="field-inline">
      <span>{t("tasks.labelFilter")}</span>
      <input
        key={text}
        defaultValue={text}
        placeholder={t("tasks.labelHint")}
        aria-invalid={isBad.value}
        title={isBad.value ? t("tasks.labelBad") : undefined}
        onChange={({ currentTarget }) => {
          const labels = currentTarget.value.split(/\s+/).filter(Boolean).slice(0, 8);
          isBad.value = !labels.every((label) => LABEL.test(label));
          if (!isBad.value) filter.value = { ...filter.value, labels };
        }}
      />
    </label>
  );
}

const TASK_ID = /^[0-9a-f]{32}$/;

function FindById() {
  const { t } = useTexts();
  const isBad = useSignal(false);
  return (
    <search>
      <form
        class="find"
        onSubmit={(event) => {
          event.preventDefault();
          const taskId = String(new FormData(event.currentTarget).get("id")).trim().toLowerCase();
          isBad.value = !TASK_ID.test(taskId);
          if (!isBad.value) location.hash = linkTo({ view: "task", taskId });
        }}
      >
        <input
          name="id"
          type="search"
          aria-label={t("tasks.find")}
          placeholder={t("tasks.findHint")}
          aria-invalid={isBad.value}
          title={isBad.value ? t("tasks.findBad") : undefined}
          spellcheck={false}
        />
        <button type="submit" class="square" aria-label={t("tasks.find")}>
          <Icon name="find" />
        </button>
      </form>
    </search>
  );
}
