import { isMetadata, jpegSegments } from "../../input/probe/jpeg-segments.js";
import type { FileBytes, Span } from "../../lib/file-bytes.js";
import { holdsGraph } from "./holds-graph.js";
import { cutOut, type ResultFile } from "./result-file.js";

/** Begins a segment that goes on with the XMP of another one. */
const MORE_XMP = "http://ns.adobe.com/xmp/extension/";

/** Cuts out the segments with the graph. */
export async function stripJpeg(file: ResultFile): Promise<void> {
  const { source } = file;
  const cuts: Span[] = [];
  for await (const { marker, start, end } of jpegSegments(source)) {
    if (!isMetadata(marker)) continue;
    const isMore = cuts.length > 0 && (await isMoreXmp(source, start));
    if (isMore || (await holdsGraph(source, { start, end }))) cuts.push({ start, end });
  }
  await cutOut(file, cuts);
}

async function isMoreXmp(source: FileBytes, start: number): Promise<boolean> {
  return (await source.read(start + 4, MORE_XMP.length)).toString("latin1") === MORE_XMP;
}
