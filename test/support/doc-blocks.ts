import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The root of the repository. */
export const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** A piece of code in a document. */
export interface Block {
  /** The second-level heading that it stands below. */
  readonly section: string;
  readonly language: string;
  readonly code: string;
}

/** The pieces of code of a document, by its path in the repository. */
export async function blocksOf(document: string): Promise<Block[]> {
  const markdown = await readFile(`${ROOT}${document}`, "utf8");
  return markdown.split(/^## /m).flatMap((part) => {
    const [section = ""] = part.split("\n");
    return [...part.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)].map(
      ([, language = "", code = ""]) => ({ section, language, code }),
    );
  });
}
