import { ownValue } from "../node-info.js";
import type { NodeInputs, Prompt } from "../workflow.js";

/** A prompt with inputs set; what is set of nodes that it does not have is left out. */
export function setInputs(prompt: Prompt, changes: NodeInputs): Prompt {
  return Object.fromEntries(
    Object.entries(prompt).map(([id, node]) => [
      id,
      { ...node, inputs: { ...node.inputs, ...ownValue(changes, id) } },
    ]),
  );
}
