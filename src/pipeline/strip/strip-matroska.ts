import { EBML_ID, type EbmlElement, ebmlElements, voidElement } from "../../lib/ebml.js";
import type { FileBytes } from "../../lib/file-bytes.js";
import { holdsGraph } from "./holds-graph.js";
import { erase, type WritableResult } from "./result-file.js";

/** A tag's name element, and the names that ComfyUI gives. */
const GRAPH_NAME = /E\xa3.(?:prompt|workflow)/is;
const NAME_BYTES = 64;

/** Elements in which tags are, each in the one before. */
const PARENTS: ReadonlySet<number> = new Set([EBML_ID.segment, EBML_ID.tags, EBML_ID.tag]);

/** Makes each tag with the graph unused space of the same size, so that nothing else moves. */
export async function stripMatroska(file: WritableResult): Promise<void> {
  const whole = { start: 0, end: file.source.sizeBytes };
  for await (const element of ebmlElements(file.source, whole))
    if (element.id === EBML_ID.segment) await stripIn(element, file);
}

/** @returns whether something was taken out. */
async function stripIn(parent: EbmlElement, file: WritableResult): Promise<boolean> {
  let checksum: EbmlElement | undefined;
  let isStripped = false;
  const content = { start: parent.contentStart, end: parent.end };
  for await (const element of ebmlElements(file.source, content)) {
    if (element.id === EBML_ID.crc32) checksum = element;
    if (PARENTS.has(element.id)) isStripped = (await stripIn(element, file)) || isStripped;
    if (element.id !== EBML_ID.simpleTag || !(await isGraph(file.source, element))) continue;
    await erase(file.target, { start: element.contentStart, end: element.end });
    await voidElement(file.target, element);
    isStripped = true;
  }
  // The sum over what is there no more would be wrong.
  if (isStripped && checksum !== undefined) await voidElement(file.target, checksum);
  return isStripped;
}

async function isGraph(source: FileBytes, { contentStart, end }: EbmlElement): Promise<boolean> {
  const head = await source.read(contentStart, Math.min(NAME_BYTES, end - contentStart));
  if (GRAPH_NAME.test(head.toString("latin1"))) return true;
  return await holdsGraph(source, { start: contentStart, end });
}
