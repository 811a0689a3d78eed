import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";

/** The texts of a workflow: its file and, where there is one, its sidecar. */
export interface WorkflowSource {
  readonly text: string;
  readonly sidecar?: string;
}

/** Reads `NAME.json` and `NAME.yaml`. @throws TaskError WORKFLOW_INVALID where they cannot be read */
export async function readWorkflowFile(directory: string, name: string): Promise<WorkflowSource> {
  const text = await readText(directory, `${name}.json`);
  if (text === undefined) throw unreadable(`${name}.json`, "it does not exist");
  const sidecar = await readText(directory, `${name}.yaml`);
  return { text, ...defined({ sidecar }) };
}

/** The largest graphs seen have a few hundred nodes and 1 MB. */
const MAX_FILE_BYTES = 16 * 2 ** 20;

/** A file's text; undefined if it does not exist. */
async function readText(directory: string, file: string): Promise<string | undefined> {
  const path = join(directory, file);
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) throw unreadable(file, `it has more than ${MAX_FILE_BYTES} bytes`);
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof TaskError) throw error;
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw unreadable(file, code, error);
  }
}

function unreadable(file: string, reason: string, cause?: unknown): TaskError {
  return new TaskError("WORKFLOW_INVALID", `Cannot read "${file}": ${reason}`, { cause });
}
