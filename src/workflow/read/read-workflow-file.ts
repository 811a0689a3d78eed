import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import { parseSidecar } from "./sidecar.js";

/** The texts of a graph: its file and, where there is one, its sidecar. */
export interface GraphSource {
  readonly text: string;
  readonly sidecar?: string;
}

/** The texts of a workflow: its own graph's, and those of its other variants by file. */
export interface WorkflowSource extends GraphSource {
  readonly variants: { readonly [file: string]: GraphSource };
}

/**
 * Reads `NAME.json` and `NAME.yaml`, and the graphs that the latter names as variants.
 *
 * @throws TaskError WORKFLOW_INVALID where they cannot be read
 */
export async function readWorkflowFile(directory: string, name: string): Promise<WorkflowSource> {
  const own = await readGraph(directory, `${name}.json`);
  const { variants = {} } = parseSidecar(`${name}.yaml`, own.sidecar);
  const files = Object.values(variants).filter((file) => file !== `${name}.json`);
  const sources = await Promise.all(
    files.map(async (file) => [file, await readGraph(directory, file)] as const),
  );
  return { ...own, variants: Object.fromEntries(sources) };
}

async function readGraph(directory: string, file: string): Promise<GraphSource> {
  const text = await readText(directory, file);
  if (text === undefined) throw unreadable(file, "it does not exist");
  const sidecar = await readText(directory, file.replace(/\.json$/, ".yaml"));
  return { text, ...defined({ sidecar }) };
}

/** A generous limit: the largest graphs seen have a few hundred nodes and 1 MB. */
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
