import { createLogUpdate } from "log-update";
import type { Step } from "../upscale/upscale.js";
import { activityOf, lineOf, lineOfAll, ratioOf, type Shown } from "./bar.js";
import type { Terminal } from "./terminal.js";

/** Shows how far the inputs are. Disposing ends the show. */
export interface Reporter extends Disposable {
  step(index: number, step: Step): void;
}

/** Shows bars on a terminal, and prints JSON lines elsewhere. */
export function openReporter(inputs: readonly string[], terminal: Terminal): Reporter {
  return terminal.isTerminal ? new Bars(inputs, terminal) : new JsonLines(inputs, terminal);
}

/** Lines below the bars and the one of all. */
const SPARE_ROWS = 2;
const REDRAW_MS = 100;

/** A bar for each input that is under way, as many as the terminal has room for, and one for all. */
class Bars implements Reporter {
  readonly #shown: Shown[];
  readonly #terminal: Terminal;
  readonly #draw = createLogUpdate(process.stdout, { showCursor: true });
  readonly #timer: NodeJS.Timeout;
  #isStale = true;

  constructor(inputs: readonly string[], terminal: Terminal) {
    this.#shown = inputs.map((given) => ({ given }));
    this.#terminal = terminal;
    this.#timer = setInterval(() => this.#redraw(), REDRAW_MS);
  }

  step(index: number, step: Step): void {
    const given = this.#shown[index]?.given ?? "";
    this.#shown[index] = { given, step };
    this.#isStale = true;
    if (step.kind !== "done" && step.kind !== "failed") return;
    this.#draw.clear();
    this.#terminal.write(`${step.kind === "done" ? "✔" : "✘"} ${given}: ${activityOf(step)}\n`);
    this.#redraw();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#isStale = true;
    this.#redraw();
    this.#draw.done();
  }

  #redraw(): void {
    if (!this.#isStale) return;
    this.#isStale = false;
    const { columns, rows } = this.#terminal;
    const moving = this.#shown.filter(({ step }) => step !== undefined && !isOver(step));
    const lines = moving
      .slice(0, Math.max(1, rows - SPARE_ROWS))
      .map((one) => lineOf(one, columns));
    this.#draw([...lines, lineOfAll(this.#shown, columns)].join("\n"));
  }
}

function isOver({ kind }: Step): boolean {
  return kind === "done" || kind === "failed";
}

/** A JSON object a line, whenever an input comes further. */
class JsonLines implements Reporter {
  readonly #inputs: readonly string[];
  readonly #terminal: Terminal;
  readonly #last = new Map<number, string>();

  constructor(inputs: readonly string[], terminal: Terminal) {
    this.#inputs = inputs;
    this.#terminal = terminal;
  }

  step(index: number, step: Step): void {
    // Its failure is told as one.
    if (step.kind === "task" && (step.task.error ?? undefined) !== undefined) return;
    const line = JSON.stringify({ input: this.#inputs[index], ...lineFields(step) });
    if (this.#last.get(index) === line) return;
    this.#last.set(index, line);
    this.#terminal.write(`${line}\n`);
  }

  [Symbol.dispose](): void {}
}

function lineFields(step: Step): Record<string, unknown> {
  const task = "task" in step ? step.task : undefined;
  return {
    state: step.kind === "task" ? step.task.status : step.kind,
    progress: Math.floor(ratioOf(step) * 100),
    ...(task !== undefined && { task_id: task.task_id }),
    ...(step.kind === "task" && { stage: step.task.stages.at(-1)?.name }),
    ...(step.kind === "done" && { path: step.path }),
    ...(step.kind === "failed" && { error: step.message, code: task?.error_code }),
  };
}
