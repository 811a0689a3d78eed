import { holdsGraph } from "./holds-graph.js";
import { erase, type WritableResult } from "./result-file.js";

const RIFF_HEAD_BYTES = 12;
/** Where the flags of a `VP8X` chunk are, and which of them announce what. */
const FLAGS_AT = RIFF_HEAD_BYTES + 8;
const FLAGS: ReadonlyMap<string, number> = new Map([
  ["EXIF", 0x08],
  ["XMP ", 0x04],
]);

/** Makes the metadata with the graph a chunk that readers skip, so that nothing else moves. */
export async function stripWebp({ source, target }: WritableResult): Promise<void> {
  let cleared = 0;
  for (let start = RIFF_HEAD_BYTES; start + 8 <= source.sizeBytes; ) {
    const head = await source.read(start, 8);
    const type = head.toString("latin1", 0, 4);
    const contentBytes = head.readUInt32LE(4);
    const content = { start: start + 8, end: Math.min(start + 8 + contentBytes, source.sizeBytes) };
    const flag = FLAGS.get(type);
    if (flag !== undefined && (await holdsGraph(source, content))) {
      await erase(target, content);
      await target.write("JUNK", start, "latin1");
      cleared |= flag;
    }
    start = content.end + (contentBytes % 2);
  }
  if (cleared === 0) return;
  const flags = (await source.read(FLAGS_AT, 1))[0] ?? 0;
  await target.write(Buffer.from([flags & ~cleared]), 0, 1, FLAGS_AT);
}
