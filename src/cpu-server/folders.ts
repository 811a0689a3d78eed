import { mkdir, rm } from "node:fs/promises";
import { join, resolve, sep } from "node:path";

/** The three folders that clients see. */
export type FolderType = "input" | "output" | "temp";

/** Whether a word is the name of one of the folders. */
export function isFolderType(value: unknown): value is FolderType {
  return value === "input" || value === "output" || value === "temp";
}

/** A file's name, and the folder that its ending ` [input]`, ` [output]` or ` [temp]` names. */
export interface AnnotatedName {
  readonly name: string;
  readonly type: FolderType | undefined;
}

/** Splits `name [type]`. */
export function splitAnnotation(text: string): AnnotatedName {
  const match = /^(.*?) ?\[(input|output|temp)\]$/s.exec(text);
  const type = match?.[2];
  if (match?.[1] === undefined || !isFolderType(type)) return { name: text, type: undefined };
  return { name: match[1], type };
}

/** The server's files: `input/`, `output/` and `temp/` in one directory. */
export class Folders {
  readonly #dir: string;

  private constructor(dir: string) {
    this.#dir = dir;
  }

  /** Creates missing folders and empties `temp/`, as ComfyUI does at every start. */
  static async open(dir: string): Promise<Folders> {
    const folders = new Folders(resolve(dir));
    await rm(folders.path("temp"), { recursive: true, force: true });
    for (const type of ["input", "output", "temp"] as const) {
      await mkdir(folders.path(type), { recursive: true });
    }
    return folders;
  }

  /** The absolute path of a folder. */
  path(type: FolderType): string {
    return join(this.#dir, type);
  }

  /**
   * The absolute path of `parts` in a folder. As in Python, an absolute part replaces the parts
   * before it.
   *
   * @returns undefined if the path is outside of the folder.
   */
  resolve(type: FolderType, ...parts: readonly string[]): string | undefined {
    const root = this.path(type);
    const path = resolve(root, ...parts);
    return path === root || path.startsWith(root + sep) ? path : undefined;
  }

  /**
   * The path of a node's file name: `sub/name.png`, with or without an annotation. The default
   * folder is `input/`.
   *
   * @returns undefined if the path is outside of the folder. (ComfyUI itself accepts such names,
   *   and reads any picture on the machine.)
   */
  resolveAnnotated(text: string): string | undefined {
    const { name, type } = splitAnnotation(text);
    return this.resolve(type ?? "input", name);
  }
}
