import type { Signal } from "@preact/signals";
import { Chunking } from "../../client/gen/tmlsr/v1/task_service_pb.js";
import { useTexts } from "../use-model.js";
import { useFieldProblem } from "./field-problem.js";
import type { Wishes } from "./submission.js";

/** What few tasks need: priority and labels. */
export function Options({ wishes }: { readonly wishes: Signal<Wishes> }) {
  const { t } = useTexts();
  const labelProblem = useFieldProblem("labels");
  return (
    <details class="options">
      <summary>{t("submit.options")}</summary>
      <div class="fields">
        <label class="field">
          <span>{t("submit.priority")}</span>
          <select
            value={wishes.value.priority}
            onChange={({ currentTarget }) => {
              wishes.value = { ...wishes.value, priority: Number(currentTarget.value) };
            }}
          >
            <option value={0}>{t("submit.priority0")}</option>
            <option value={1}>{t("submit.priority1")}</option>
            <option value={2}>{t("submit.priority2")}</option>
          </select>
        </label>
        <label class="field">
          <span>{t("submit.chunking")}</span>
          <select
            value={wishes.value.chunking}
            onChange={({ currentTarget }) => {
              wishes.value = { ...wishes.value, chunking: Number(currentTarget.value) };
            }}
          >
            <option value={Chunking.AUTO}>{t("submit.chunkingAuto")}</option>
            <option value={Chunking.OFF}>{t("submit.chunkingOff")}</option>
          </select>
        </label>
        <label class="field">
          <span>{t("submit.labels")}</span>
          <input
            placeholder="album:holiday"
            aria-invalid={labelProblem !== undefined}
            onChange={({ currentTarget }) => {
              wishes.value = { ...wishes.value, labels: readLabels(currentTarget.value) };
            }}
          />
          <span class="muted">{t("submit.labelsHint")}</span>
          {labelProblem && <span class="field-problem">{labelProblem}</span>}
        </label>
      </div>
    </details>
  );
}

function readLabels(text: string): Readonly<Record<string, string>> {
  const labels = text.split(/\s+/).filter(Boolean);
  return Object.fromEntries(
    labels.map((label) => {
      const [key = "", ...value] = label.split(":");
      return [key, value.join(":")];
    }),
  );
}
