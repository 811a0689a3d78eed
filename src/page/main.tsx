// First, since the styles of views come after them.
import "./styles/base.css";
import "./styles/controls.css";
import { render } from "preact";
import { createModel, type Model } from "./model.js";
import { Page } from "./page.js";
import { readRoute } from "./route.js";
import { ModelProvider } from "./use-model.js";

const STATS_MS = 3_000;
const WORKFLOWS_MS = 30_000;
const TICK_MS = 1_000;

/** Starts the page. It runs until the tab is closed. */
function start(root: HTMLElement): void {
  const model = createModel(location.origin);
  const forever = new AbortController().signal;
  listen(model);
  void model.feed.run(forever);
  void model.stats.run(STATS_MS, forever);
  void model.workflows.run(WORKFLOWS_MS, forever);
  render(
    <ModelProvider value={model}>
      <Page />
    </ModelProvider>,
    root,
  );
}

function listen(model: Model): void {
  window.addEventListener("hashchange", () => {
    model.route.value = readRoute(location.hash);
  });
  window.addEventListener("online", () => model.feed.hurry());
  document.addEventListener("resume", () => model.feed.hurry());
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") model.feed.hurry();
  });
  setInterval(() => {
    model.nowMs.value = Date.now();
  }, TICK_MS);
}

const root = document.getElementById("page");
if (root !== null) start(root);
