import { isLink, type Prompt } from "./workflow.js";

/** A node with all that it is made of, nearest first. */
export function upstreamOf(prompt: Prompt, nodeId: string): ReadonlySet<string> {
  const found = new Set([nodeId]);
  // A set takes in what is added while it is gone through.
  for (const id of found) {
    if (!Object.hasOwn(prompt, id)) found.delete(id);
    for (const value of Object.values(prompt[id]?.inputs ?? {}))
      if (isLink(value)) found.add(value[0]);
  }
  return found;
}
