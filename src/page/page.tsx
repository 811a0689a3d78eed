import { useEffect, useRef } from "preact/hooks";
import { Header } from "./header.js";
import { PoolView } from "./pool/pool-view.js";
import { SignIn } from "./sign-in.js";
import { DropAnywhere } from "./submit/drop-anywhere.js";
import { SubmitView } from "./submit/submit-view.js";
import { TaskView } from "./task/task-view.js";
import { TasksView } from "./tasks/tasks-view.js";
import { useModel, useTexts } from "./use-model.js";

/** The page: its header, and the view that the address names. */
export function Page() {
  const { route, language } = useModel();
  const { t } = useTexts();
  const content = useRef<HTMLElement>(null);
  const isFirst = useRef(true);
  const { view } = route.value;
  useEffect(() => {
    document.documentElement.lang = language.value === "zh" ? "zh-CN" : "en";
  }, [language.value]);
  useEffect(() => {
    document.title = `${t(view === "pool" ? "pool.title" : view === "submit" ? "submit.title" : "tasks.title")} · TMLSR`;
  }, [view, t]);
  useEffect(() => {
    // A view that was asked for is where the keyboard goes on; the first one is left to the browser.
    if (!isFirst.current) content.current?.focus({ preventScroll: true });
    isFirst.current = false;
  }, [route.value]);
  return (
    <div class="shell">
      <button type="button" class="skip" onClick={() => content.current?.focus()}>
        {t("nav.skip")}
      </button>
      <Header />
      <main ref={content} tabIndex={-1} class={`content content-${view}`}>
        <View />
      </main>
      <DropAnywhere />
    </div>
  );
}

function View() {
  const { route, access } = useModel();
  if (access.isAsked.value) return <SignIn />;
  const now = route.value;
  switch (now.view) {
    case "tasks":
      return <TasksView />;
    case "task":
      return <TaskView key={now.taskId} taskId={now.taskId} />;
    case "submit":
      return <SubmitView />;
    case "pool":
      return <PoolView />;
  }
}
