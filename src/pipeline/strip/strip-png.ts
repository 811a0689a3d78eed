import type { FileBytes, Span } from "../../lib/file-bytes.js";
import { holdsGraph } from "./holds-graph.js";
import { cutOut, type ResultFile } from "./result-file.js";

const TEXT_TYPES = new Set(["tEXt", "zTXt", "iTXt", "eXIf"]);
/** Of the animated PNGs of ComfyUI. */
const GRAPH_TYPE = "comf";
const GRAPH_KEYWORDS = new Set(["prompt", "workflow"]);
const MAX_KEYWORD_BYTES = 80;
const SIGNATURE_BYTES = 8;

/** Cuts out the chunks with the graph. */
export async function stripPng(file: ResultFile): Promise<void> {
  const { source } = file;
  const cuts: Span[] = [];
  for (let start = SIGNATURE_BYTES; start + 12 <= source.sizeBytes; ) {
    const head = Buffer.from(await source.read(start, 8 + MAX_KEYWORD_BYTES));
    const end = Math.min(start + 12 + head.readUInt32BE(0), source.sizeBytes);
    if (await isGraph(source, head, { start, end })) cuts.push({ start, end });
    start = end;
  }
  await cutOut(file, cuts);
}

async function isGraph(source: FileBytes, head: Buffer, chunk: Span): Promise<boolean> {
  const type = head.toString("latin1", 4, 8);
  if (type === GRAPH_TYPE) return true;
  if (!TEXT_TYPES.has(type)) return false;
  const keyword = head.toString("latin1", 8).split("\0", 1)[0] ?? "";
  return GRAPH_KEYWORDS.has(keyword.toLowerCase()) || (await holdsGraph(source, chunk));
}
