import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The path of a file of `test/fixtures/inputs`: what people send. */
export function inputFixture(name: string): string {
  return fileURLToPath(new URL(`../fixtures/inputs/${name}`, import.meta.url));
}

/** The content of such a file. */
export async function readInputFixture(name: string): Promise<Buffer> {
  return await readFile(inputFixture(name));
}
