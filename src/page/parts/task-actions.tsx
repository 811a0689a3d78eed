import { useSignal } from "@preact/signals";
import { type Task, TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";
import { toFailure } from "../failure.js";
import { hasEnded } from "../live/task-table.js";
import { linkTo } from "../route.js";
import { useModel, useTexts } from "../use-model.js";
import { Icon } from "./icon.js";

/** What can be done with a task now: cancel, retry, download. */
export function TaskActions({ task }: { readonly task: Task }) {
  const { clients } = useModel();
  const { t } = useTexts();
  const isBusy = useSignal(false);
  const failure = useSignal("");
  const act = async (action: () => Promise<void>): Promise<void> => {
    isBusy.value = true;
    failure.value = "";
    try {
      await action();
    } catch (thrown) {
      failure.value = toFailure(thrown).message;
    }
    isBusy.value = false;
  };
  const { taskId, status, output } = task;
  const cancel = async (): Promise<void> => void (await clients.tasks.cancelTask({ taskId }));
  const retry = async (): Promise<void> => {
    const again = await clients.tasks.retryTask({ taskId });
    location.hash = linkTo({ view: "task", taskId: again.taskId });
  };
  const mayRetry = status === TaskStatus.FAILED || status === TaskStatus.CANCELED;
  return (
    <span class="actions">
      {!hasEnded(task) && (
        <button type="button" disabled={isBusy.value} onClick={() => void act(cancel)}>
          <Icon name="cancel" />
          {t("action.cancel")}
        </button>
      )}
      {mayRetry && (
        <button type="button" disabled={isBusy.value} onClick={() => void act(retry)}>
          <Icon name="retry" />
          {t("action.retry")}
        </button>
      )}
      {output !== undefined && (
        <a class="button" href={output.url} download={output.fileName} rel="noreferrer">
          <Icon name="download" />
          {t("action.download")}
        </a>
      )}
      <span role="status" class="action-failure">
        {failure.value && t("action.failed", { reason: failure.value })}
      </span>
    </span>
  );
}
