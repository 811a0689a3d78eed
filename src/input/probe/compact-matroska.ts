import { open } from "node:fs/promises";
import { EBML_ID, type EbmlElement, ebmlElements, voidElement } from "../../lib/ebml.js";
import { FileBytes } from "../../lib/file-bytes.js";
import { damagedVideo } from "./damaged.js";
import { MAX_METADATA_BYTES } from "./metadata-limit.js";

/**
 * Makes an MKV or WebM with much metadata readable in little memory: attachments and tags of more
 * than 64 MiB before its frames, which readers load as a whole, become unused space. Other files are
 * left as they are.
 *
 * @throws TaskError INPUT_DAMAGED if the file is shorter than it says.
 * @throws the reason of `signal` when it is aborted.
 */
export async function compactMatroska(path: string, signal: AbortSignal): Promise<void> {
  using source = new FileBytes(path);
  for await (const element of beforeFrames(source, signal)) {
    if (element.id !== EBML_ID.attachments && element.id !== EBML_ID.tags) continue;
    if (element.end - element.start <= MAX_METADATA_BYTES) continue;
    await using target = await open(path, "r+");
    await voidElement(target, element);
  }
}

/** The elements of all segments up to their frames. */
async function* beforeFrames(
  source: FileBytes,
  signal: AbortSignal,
): AsyncGenerator<EbmlElement, void> {
  for await (const segment of segments(source, signal)) {
    const content = { start: segment.contentStart, end: segment.end };
    for await (const element of ebmlElements(source, content, signal)) {
      if (element.id === EBML_ID.cluster) break;
      yield element;
    }
  }
}

async function* segments(
  source: FileBytes,
  signal: AbortSignal,
): AsyncGenerator<EbmlElement, void> {
  const whole = { start: 0, end: source.sizeBytes };
  for await (const element of ebmlElements(source, whole, signal)) {
    if (element.id !== EBML_ID.header && element.id !== EBML_ID.segment) return;
    if (!element.isWhole) throw damagedVideo("its end is missing");
    if (element.id === EBML_ID.segment) yield element;
  }
}
