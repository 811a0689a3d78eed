import { stat } from "node:fs/promises";
import { resolve } from "node:path";
import { InvalidArgumentError, Option } from "commander";
import type { Job, Out } from "../upscale/input.js";

/** Options of the commands that create tasks. */
export interface JobOptions {
  readonly workflow?: string;
  readonly type?: "image" | "video";
  readonly param: Readonly<Record<string, unknown>>;
  readonly label: Readonly<Record<string, string>>;
  readonly priority?: number;
}

/** The options of {@link JobOptions}; each command needs its own. */
export function jobOptions(): readonly Option[] {
  return [
    new Option("-w, --workflow <name>", "the workflow; default: the service's for the type"),
    new Option("-t, --type <type>", "image or video; default: by the file's ending").choices([
      "image",
      "video",
    ]),
    new Option("-p, --param <name=value>", "a parameter of the workflow; may be repeated")
      .argParser(collectParameter)
      .default({}, "none"),
    new Option("-l, --label <key=value>", "a label for the tasks; may be repeated")
      .argParser(collectLabel)
      .default({}, "none"),
    new Option("--priority <n>", "0, 1 or 2, the highest goes first").choices(["0", "1", "2"]),
  ];
}

export function jobOf({ workflow, type, param, label, priority }: JobOptions): Job {
  return {
    ...(workflow !== undefined && { workflow }),
    ...(type !== undefined && { type }),
    ...(priority !== undefined && { priority: Number(priority) }),
    parameters: param,
    labels: label,
  };
}

/** A whole number of at least 1. */
export function parseCount(text: string): number {
  const count = Number(text);
  if (Number.isSafeInteger(count) && count >= 1) return count;
  throw new InvalidArgumentError("It must be a whole number of at least 1.");
}

/** Where results go: a directory if it is one, ends with a slash or there are several inputs. */
export async function outOf(out: string | undefined, inputCount: number): Promise<Out> {
  if (out === undefined) return { kind: "beside" };
  const path = resolve(out);
  const isDirectory = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  const kind = isDirectory || inputCount > 1 || /[/\\]$/.test(out) ? "directory" : "file";
  return { kind, path };
}

/** `key=value` as the API's filters write it. */
export function labelQuery(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).map(
    ([key, value]) => `label=${encodeURIComponent(`${key}:${value}`)}`,
  );
}

export function collectLabel(
  text: string,
  before: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const [key, value] = split(text);
  return { ...before, [key]: value };
}

/** A value that is JSON is taken as such: numbers, true, false. */
function collectParameter(
  text: string,
  before: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const [key, value] = split(text);
  return { ...before, [key]: readValue(value) };
}

function split(text: string): readonly [key: string, value: string] {
  const at = text.indexOf("=");
  if (at > 0) return [text.slice(0, at), text.slice(at + 1)];
  throw new InvalidArgumentError('It must look like "name=value".');
}

function readValue(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? text : value;
  } catch {
    return text;
  }
}
