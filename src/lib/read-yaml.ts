import { type LoadOptions, loadAll } from "js-yaml";

/**
 * Reads a YAML 1.2 text: its one document, null if it has none.
 *
 * @throws Error that says where it is malformed, or that it has several documents.
 */
export function readYaml(text: string, options: LoadOptions = {}): unknown {
  const documents = loadAll(text, options);
  if (documents.length > 1) throw new Error("Cannot read a file of several documents: join them");
  return documents[0] ?? null;
}
