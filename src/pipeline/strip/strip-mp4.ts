import type { FileBytes, Span } from "../../lib/file-bytes.js";
import { type IsoBox, isoBoxes } from "../../lib/iso-boxes.js";
import { holdsGraph } from "./holds-graph.js";
import { erase, type WritableResult } from "./result-file.js";

const METADATA = new Set(["udta", "meta", "uuid"]);

/** Makes each metadata box with the graph free space of the same size, so that nothing else moves. */
export async function stripMp4({ source, target }: WritableResult): Promise<void> {
  for await (const box of metadataBoxes(source, { start: 0, end: source.sizeBytes })) {
    const content = { start: box.contentStart, end: box.end };
    if (!(await holdsGraph(source, content))) continue;
    await erase(target, content);
    await target.write("free", box.start + 4, "latin1");
  }
}

/** Those of the file, of its index and of the tracks in it. */
async function* metadataBoxes(source: FileBytes, span: Span): AsyncGenerator<IsoBox, void> {
  for await (const box of isoBoxes(source, span)) {
    if (METADATA.has(box.type)) yield box;
    else if (box.type === "moov" || box.type === "trak")
      yield* metadataBoxes(source, { start: box.contentStart, end: box.end });
  }
}
