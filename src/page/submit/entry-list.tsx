import { TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import { Icon } from "../parts/icon.js";
import { Progress } from "../parts/progress.js";
import { linkTo } from "../route.js";
import { useTexts } from "../use-model.js";
import type { Entry, EntryState, Submission } from "./submission.js";

/** The inputs that were gathered, each with what has become of it. */
export function EntryList({ submission }: { readonly submission: Submission }) {
  const { t } = useTexts();
  const entries = submission.entries.value;
  if (entries.length === 0) return null;
  return (
    <ul class="entries" aria-label={t("submit.inputs")}>
      {entries.map((entry) => (
        <li key={entry.idempotencyKey} class="entry">
          <EntryRow entry={entry} submission={submission} />
        </li>
      ))}
    </ul>
  );
}

interface EntryRowProps {
  readonly entry: Entry;
  readonly submission: Submission;
}

function EntryRow({ entry, submission }: EntryRowProps) {
  const { t, format } = useTexts();
  const { name, source, type } = entry;
  const state = entry.state.value;
  return (
    <>
      <Icon name={type.value === TaskType.VIDEO ? "film" : "picture"} />
      <span class="entry-name">
        <span class="name">{name}</span>
        <span class="muted">{typeof source === "string" ? source : format.bytes(source.size)}</span>
      </span>
      <span class="entry-state">
        <State state={state} name={name} />
      </span>
      {(state.kind === "ready" || state.kind === "failed") && (
        <select
          aria-label={t("submit.kind", { name })}
          value={type.value}
          onChange={({ currentTarget }) => {
            type.value = Number(currentTarget.value);
          }}
        >
          <option value={TaskType.IMAGE}>{t("type.image")}</option>
          <option value={TaskType.VIDEO}>{t("type.video")}</option>
        </select>
      )}
      {state.kind !== "accepted" && (
        <button
          type="button"
          class="square quiet"
          aria-label={t("submit.remove", { name })}
          onClick={() => submission.remove(entry)}
        >
          <Icon name="cancel" />
        </button>
      )}
    </>
  );
}

function State({ state, name }: { readonly state: EntryState; readonly name: string }) {
  const { t } = useTexts();
  switch (state.kind) {
    case "ready":
      return null;
    case "uploading":
      return (
        <>
          <Progress percent={state.ratio * 100} label={t("submit.uploading", { name })} />
          <span class="mono">{Math.floor(state.ratio * 100)} %</span>
        </>
      );
    case "creating":
      return <span class="muted">{t("submit.creating")}</span>;
    case "accepted":
      return (
        <span role="status">
          {t("submit.done")}{" "}
          <a href={linkTo({ view: "task", taskId: state.taskId })}>{t("submit.watch")}</a>
        </span>
      );
    case "failed":
      return (
        <span class="field-problem" role="alert">
          {state.failure.fields.get("url") ?? state.failure.message}
        </span>
      );
  }
}
