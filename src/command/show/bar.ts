import { basename } from "node:path";
import type { TaskDocument } from "../service/documents.js";
import type { Step } from "../upscale/upscale.js";

const BAR_WIDTH = 24;
const NAME_WIDTH = 24;

/** One input and its latest step; absent: not begun. */
export interface Shown {
  readonly given: string;
  readonly step?: Step;
}

/** The line of one input. */
export function lineOf({ given, step }: Shown, columns: number): string {
  const ratio = ratioOf(step);
  const line = `${nameOf(given)} ${bar(ratio)} ${percent(ratio)}  ${activityOf(step)}`;
  return line.slice(0, columns);
}

/** The last line, of all inputs. */
export function lineOfAll(all: readonly Shown[], columns: number): string {
  const done = all.filter(({ step }) => step?.kind === "done").length;
  const failed = all.filter(({ step }) => step?.kind === "failed").length;
  const ratio = all.reduce((sum, { step }) => sum + ratioOf(step), 0) / Math.max(1, all.length);
  const text = `${done} of ${all.length} done${failed > 0 ? `, ${failed} failed` : ""}`;
  return `${toWidth(text)} ${bar(ratio)} ${percent(ratio)}`.slice(0, columns);
}

/** How far an input is, 0 to 1. One that failed has ended too. */
export function ratioOf(step: Step | undefined): number {
  switch (step?.kind) {
    case undefined:
    case "hashing":
    case "uploading":
      return 0;
    case "task":
      return step.task.progress / 100;
    case "fetching":
    case "done":
    case "failed":
      return 1;
  }
}

/** What happens to an input, in a few words. */
export function activityOf(step: Step | undefined): string {
  switch (step?.kind) {
    case undefined:
      return "";
    case "hashing":
      return "reading";
    case "uploading":
      return `uploading ${percent(step.ratio).trim()}`;
    case "task":
      return activityOfTask(step.task);
    case "fetching":
      return "fetching the result";
    case "done":
      return step.path;
    case "failed":
      return step.message.split("\n", 1)[0] ?? "";
  }
}

function activityOfTask({ status, stages, running_node: node }: TaskDocument): string {
  const stage = stages.findLast(({ status: state }) => state === "running");
  if (stage === undefined) return status === "pending" ? "waiting for its turn" : status;
  return node != null && stage.name === "process" ? `${stage.name}: ${node}` : stage.name;
}

function nameOf(given: string): string {
  return toWidth(basename(given) || given);
}

function toWidth(text: string): string {
  const cut = text.length > NAME_WIDTH ? `${text.slice(0, NAME_WIDTH - 1)}…` : text;
  return cut.padEnd(NAME_WIDTH);
}

function bar(ratio: number): string {
  const filled = Math.round(Math.min(1, Math.max(0, ratio)) * BAR_WIDTH);
  return "█".repeat(filled) + "░".repeat(BAR_WIDTH - filled);
}

function percent(ratio: number): string {
  return `${Math.floor(ratio * 100)} %`.padStart(5);
}
