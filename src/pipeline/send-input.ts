import type { ComfyServer } from "../comfy/comfy-server.js";
import type { InputPlace } from "../comfy/upload-input.js";
import { carriesAlpha } from "../workflow/bind/carries-alpha.js";
import type { Capability } from "../workflow/check/missing-for.js";
import type { WorkflowGraph } from "../workflow/workflow.js";
import type { ReadyInput, SeenInput } from "./download-stage.js";
import { putOnWhite } from "./put-on-white.js";
import type { TaskJournal } from "./task-journal.js";

/** Where an input goes, and what becomes of it there. */
interface InputTarget {
  readonly taskId: string;
  readonly graph: WorkflowGraph;
  readonly comfy: ComfyServer;
  /** What the server has; absent: not known. */
  readonly capability?: Capability;
}

/**
 * Sends an input to a server. A picture whose alpha the graph does not keep there is put on white before, which the
 * task then tells.
 *
 * @returns the input as the server named it: `subfolder/name`.
 */
export async function sendInput(
  input: ReadyInput,
  { taskId, graph, comfy, capability }: InputTarget,
  journal: Pick<TaskJournal, "signal" | "addNotes">,
): Promise<string> {
  const isLost = input.facts.hasAlpha === true && !carriesAlpha(graph, capability?.classes);
  await using white = isLost ? await putOnWhite(input, journal.signal) : undefined;
  if (white !== undefined)
    journal.addNotes(["Transparent parts were put on white: the workflow keeps no alpha"]);
  const sent = white ?? input;
  return await comfy.uploadInput(sent.path, inputPlace(sent, taskId), journal.signal);
}

/** Where the input of a task lies on its server. */
export function inputPlace({ name, facts }: SeenInput, taskId: string): InputPlace {
  return { subfolder: `tmlsr/${taskId}`, fileName: name, sizeBytes: facts.sizeBytes };
}
