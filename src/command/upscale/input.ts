import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { basename, dirname, extname, join, resolve } from "node:path";
import { CommandFailure, EXIT } from "../failure.js";

/** What a user gave: a file of this machine, or a URL that the service fetches itself. */
export type Input =
  | { readonly kind: "file"; readonly given: string; readonly path: string }
  | { readonly kind: "url"; readonly given: string; readonly url: string };

/** What is asked of the service for every input. */
export interface Job {
  readonly workflow?: string;
  readonly type?: "image" | "video";
  readonly parameters: Readonly<Record<string, unknown>>;
  readonly priority?: number;
  readonly labels: Readonly<Record<string, string>>;
}

/** Reads what was given. @throws CommandFailure (usage) for what is neither a file nor a URL. */
export async function readInput(given: string): Promise<Input> {
  if (/^(https?|upload|file):\/\//i.test(given)) return { kind: "url", given, url: given };
  const path = resolve(given);
  const isFile = await stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
  if (isFile) return { kind: "file", given, path };
  throw new CommandFailure(EXIT.usage, `"${given}" is neither a file nor a URL`);
}

const FILMS: ReadonlySet<string> = new Set([".mp4", ".mov", ".m4v", ".mkv", ".webm", ".3gp"]);

/** The type to ask for: by the file's ending, where neither a type nor a workflow is given. */
export function typeOf(input: Input, { type, workflow }: Job): "image" | "video" | undefined {
  if (type !== undefined || workflow !== undefined) return type;
  return FILMS.has(extname(pathOf(input)).toLowerCase()) ? "video" : "image";
}

/**
 * Names what is asked for: the content (of a URL: the URL), the workflow and its parameters. The same
 * is never computed twice.
 *
 * @returns SHA-256, 64 hexadecimal digits
 */
export async function sourceOf(input: Input, job: Job, signal: AbortSignal): Promise<string> {
  const content = input.kind === "url" ? input.url : await hashOf(input.path, signal);
  const { workflow = "", parameters } = job;
  const sorted = Object.entries(parameters).sort(([a], [b]) => (a < b ? -1 : 1));
  const asked = [content, typeOf(input, job) ?? "", workflow, sorted];
  return createHash("sha256").update(JSON.stringify(asked)).digest("hex");
}

async function hashOf(path: string, signal: AbortSignal): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { signal })) hash.update(chunk as Buffer);
  return hash.digest("hex");
}

/**
 * Where a result goes: beside its file (of a URL: into the present directory) as `NAME_upscaled.EXT`,
 * or into the directory `out` under the same name, or to the file `out`.
 */
export function resultPath(input: Input, resultName: string, out: Out): string {
  if (out.kind === "file") return out.path;
  const path = pathOf(input);
  const name = `${basename(path, extname(path)) || "result"}_upscaled${extname(resultName)}`;
  if (out.kind === "directory") return join(out.path, name);
  return input.kind === "file" ? join(dirname(input.path), name) : resolve(name);
}

/** Where results go. */
export type Out =
  | { readonly kind: "beside" }
  | { readonly kind: "file" | "directory"; readonly path: string };

function pathOf(input: Input): string {
  if (input.kind === "file") return input.path;
  if (!URL.canParse(input.url)) return input.url;
  const { pathname } = new URL(input.url);
  try {
    return decodeURIComponent(pathname);
  } catch {
    return pathname;
  }
}
