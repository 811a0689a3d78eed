import type { Json } from "../../domain/task.js";
import { ownValue } from "../node-info.js";
import type { Prompt, PromptNode } from "../workflow.js";

/** Takes a node out of a prompt: what was linked to it gets what its `image` was linked to. */
export function leaveOut(prompt: Prompt, nodeId: string | undefined): Prompt {
  if (nodeId === undefined) return prompt;
  const source = ownValue(prompt, nodeId)?.inputs["image"];
  const relink = (value: Json): Json =>
    Array.isArray(value) && value[0] === nodeId && source !== undefined ? source : value;
  const rest = Object.entries(prompt).filter(([id]) => id !== nodeId);
  return Object.fromEntries(
    rest.map(([id, node]): [string, PromptNode] => [
      id,
      {
        ...node,
        inputs: Object.fromEntries(
          Object.entries(node.inputs).map(([name, value]) => [name, relink(value)]),
        ),
      },
    ]),
  );
}
