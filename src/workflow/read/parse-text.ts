import type { TaskError } from "../../domain/errors.js";
import { readYaml } from "../../lib/read-yaml.js";
import { invalidWorkflow } from "../invalid-workflow.js";

/** Parses a JSON file's text. @throws TaskError WORKFLOW_INVALID that says where it is malformed */
export function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw malformed(file, error);
  }
}

/** Parses a YAML file's text. @throws TaskError WORKFLOW_INVALID that says where it is malformed */
export function parseYaml(file: string, text: string): unknown {
  try {
    return readYaml(text, { maxAliases: 0 });
  } catch (error) {
    throw malformed(file, error);
  }
}

function malformed(file: string, error: unknown): TaskError {
  return invalidWorkflow(file, error instanceof Error ? error.message : String(error), error);
}
