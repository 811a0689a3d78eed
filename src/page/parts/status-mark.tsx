import { TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { TextKey } from "../texts/en.js";
import { useTexts } from "../use-model.js";

const WORDS = {
  [TaskStatus.UNSPECIFIED]: "unspecified",
  [TaskStatus.PENDING]: "pending",
  [TaskStatus.PROCESSING]: "processing",
  [TaskStatus.COMPLETED]: "completed",
  [TaskStatus.FAILED]: "failed",
  [TaskStatus.CANCELED]: "canceled",
} as const;

/** The word of a status, as the API has it. */
export function statusWord(status: TaskStatus): (typeof WORDS)[TaskStatus] {
  return WORDS[status];
}

/** A status as a dot and a word. */
export function StatusMark({ status }: { readonly status: TaskStatus }) {
  const { t } = useTexts();
  const key: TextKey = `status.${WORDS[status]}`;
  return (
    <span class={`status status-${WORDS[status]}`}>
      <span class="dot" aria-hidden="true" />
      {t(key)}
    </span>
  );
}
