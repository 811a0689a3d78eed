import type { InputFacts } from "../../domain/task.js";
import type { WorkflowGraph } from "../../workflow/workflow.js";
import type { Promised } from "./judge-result.js";

/** What a workflow promises of the result of an input: the film's frames, where it keeps them. */
export function promisedResult({ frames }: WorkflowGraph, input: InputFacts): Promised {
  const { durationSeconds, fps } = input;
  if (frames === undefined || durationSeconds === undefined || fps === undefined) return {};
  return { frameCount: Math.round(durationSeconds * fps) };
}
