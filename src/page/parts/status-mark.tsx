import type { TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import { useTexts } from "../use-model.js";
import { statusWord } from "./status-word.js";

/** A status as a dot and a word. */
export function StatusMark({ status }: { readonly status: TaskStatus }) {
  const { t } = useTexts();
  const word = statusWord(status);
  return (
    <span class={`status status-${word}`}>
      <span class="dot" aria-hidden="true" />
      {t(`status.${word}`)}
    </span>
  );
}
