import { open } from "node:fs/promises";
import { FileBytes } from "../../lib/file-bytes.js";
import { EBML_ID, type EbmlElement, ebmlElements, voidElement } from "./ebml.js";
import { MAX_METADATA_BYTES } from "./metadata-limit.js";

/**
 * Makes an MKV or WebM with much metadata readable in little memory: attachments and tags of more
 * than 64 MiB before its frames, which readers load as a whole, become unused space. Other files are
 * left as they are.
 *
 * @throws the reason of `signal` when it is aborted.
 */
export async function compactMatroska(path: string, signal: AbortSignal): Promise<void> {
  await using source = await FileBytes.open(path);
  if (source.sizeBytes <= MAX_METADATA_BYTES) return;
  for await (const element of beforeFrames(source, signal)) {
    if (element.id !== EBML_ID.attachments && element.id !== EBML_ID.tags) continue;
    if (element.end - element.start <= MAX_METADATA_BYTES) continue;
    await using target = await open(path, "r+");
    await voidElement(target, element);
  }
}

async function* beforeFrames(
  source: FileBytes,
  signal: AbortSignal,
): AsyncGenerator<EbmlElement, void> {
  const whole = { start: 0, end: source.sizeBytes };
  for await (const { id, contentStart, end } of ebmlElements(source, whole, signal)) {
    if (id !== EBML_ID.header && id !== EBML_ID.segment) return;
    if (id !== EBML_ID.segment) continue;
    for await (const element of ebmlElements(source, { start: contentStart, end }, signal)) {
      if (element.id === EBML_ID.cluster) return;
      yield element;
    }
  }
}
