import type { FileBytes, Span } from "../../lib/file-bytes.js";

/**
 * What only a graph contains: keys of a prompt or a workflow as JSON, also as JSON in a JSON text,
 * and the beginnings of EXIF texts with one.
 */
const MARKS =
  /"(?:class_type|widgets_values|last_node_id|lastNodeId|prompt|workflow)\\*"\s*:|(?:prompt|workflow):\s*\{/i;
/** Longer than any mark, also in 16 bits for each character. */
const OVERLAP_BYTES = 256;

/** Whether a stretch of a file holds a graph or a part of one, in 8 or 16 bits for each character. */
export async function holdsGraph(source: FileBytes, span: Span): Promise<boolean> {
  let before = "";
  for await (const piece of source.pieces(span)) {
    const text = before + piece.toString("latin1");
    before = text.slice(-OVERLAP_BYTES);
    // Each mark has a colon. Large stretches without one, such as zeros, cost little.
    if (!text.includes(":")) continue;
    if (MARKS.test(text) || MARKS.test(text.replaceAll("\0", ""))) return true;
  }
  return false;
}
