import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import { Chunking } from "../../client/gen/tmlsr/v1/task_service_pb.js";
import { Icon } from "../parts/icon.js";
import { useModel, useTexts } from "../use-model.js";
import { EntryList } from "./entry-list.js";
import { Options } from "./options.js";
import { isIdle, type Submission, type Wishes } from "./submission.js";
import { WorkflowChoice } from "./workflow-choice.js";
import "./submit.css";

const NOTHING_CHOSEN = { workflow: "", parameters: {} };
const PLAIN: Wishes = {
  ...{ image: NOTHING_CHOSEN, video: NOTHING_CHOSEN, priority: 1, labels: {} },
  chunking: Chunking.AUTO,
};

/** Gathers inputs and submits them. */
export function SubmitView() {
  const { submission } = useModel();
  const { t } = useTexts();
  const wishes = useSignal(PLAIN);
  const isBusy = useSignal(false);
  const entries = submission.entries.value;
  const idle = entries.filter(({ state }) => isIdle(state.value));
  const has = (type: TaskType) => entries.some((entry) => entry.type.value === type);
  const submit = async (): Promise<void> => {
    isBusy.value = true;
    await submission.submit(wishes.value);
    isBusy.value = false;
  };
  useLastAccepted(submission);
  return (
    <div class="submit-view">
      <h1 class="unseen">{t("submit.title")}</h1>
      <Sources submission={submission} />
      <EntryList submission={submission} />
      <form
        class="wishes"
        onSubmit={(event) => {
          event.preventDefault();
          void submit();
        }}
      >
        {has(TaskType.IMAGE) && <WorkflowChoice type={TaskType.IMAGE} wishes={wishes} />}
        {has(TaskType.VIDEO) && <WorkflowChoice type={TaskType.VIDEO} wishes={wishes} />}
        <Options wishes={wishes} />
        <button type="submit" class="primary go" disabled={isBusy.value || idle.length === 0}>
          {idle.length > 1 ? t("submit.go", { count: idle.length }) : t("submit.goNone")}
        </button>
      </form>
    </div>
  );
}

/** What was accepted is forgotten when the user leaves the view: it is in the list of tasks. */
function useLastAccepted(submission: Submission): void {
  useEffect(() => () => submission.forgetAccepted(), [submission]);
}

function Sources({ submission }: { readonly submission: Submission }) {
  const { t } = useTexts();
  return (
    <div class="drop-zone">
      <p class="drop-title">{t("submit.drop")}</p>
      <p>
        {t("submit.dropHint")}{" "}
        <label class="choose">
          {t("submit.choose")}
          <input
            type="file"
            class="unseen"
            accept="image/*,video/*,.mkv,.heic,.avif"
            multiple
            onChange={({ currentTarget }) => {
              submission.add([...(currentTarget.files ?? [])]);
              currentTarget.value = "";
            }}
          />
        </label>
      </p>
      <UrlForm submission={submission} />
    </div>
  );
}

function UrlForm({ submission }: { readonly submission: Submission }) {
  const { t } = useTexts();
  const url: Signal<string> = useSignal("");
  const isBad = useSignal(false);
  return (
    <form
      class="url-form"
      noValidate
      onSubmit={(event) => {
        event.preventDefault();
        isBad.value = !/^https?:\/\/./i.test(url.value.trim());
        if (isBad.value) return;
        submission.add([url.value.trim()]);
        url.value = "";
      }}
    >
      <label>
        <span class="unseen">{t("submit.url")}</span>
        <input
          type="url"
          placeholder="https://…"
          value={url.value}
          aria-invalid={isBad.value}
          aria-describedby="url-problem"
          onInput={({ currentTarget }) => {
            url.value = currentTarget.value;
          }}
        />
      </label>
      <button type="submit">
        <Icon name="plus" />
        {t("submit.add")}
      </button>
      <span id="url-problem" class="field-problem" role="alert">
        {isBad.value && t("submit.urlBad")}
      </span>
    </form>
  );
}
