import { FileBytes } from "../../lib/file-bytes.js";

/** Behind this many pages or entries, none is looked for. */
const MAX_COUNT = 1000;
const ENTRY_BYTES = 12;
const SHORT = 3;

/**
 * The first page of a TIFF, counted from 0, that is no reduced copy of another, such as a thumbnail.
 * If there is none, or the file has an unusual form such as BigTIFF, it is the first page.
 *
 * Source: TIFF 6.0, sections 2 and 8.
 */
export async function firstFullPage(path: string): Promise<number> {
  using file = new FileBytes(path);
  const form = (await file.read(0, 4)).toString("hex");
  if (form !== "49492a00" && form !== "4d4d002a") return 0;
  const numberAt = async (at: number, length: 2 | 4): Promise<number> => {
    const bytes = Buffer.from(await file.read(at, length));
    if (form === "49492a00") bytes.reverse();
    return bytes.length < length ? 0 : bytes.readUIntBE(0, length);
  };
  let at = await numberAt(4, 4);
  for (let page = 0; at > 0 && page < MAX_COUNT; page += 1) {
    const entryCount = await numberAt(at, 2);
    if (!(await isReduced(numberAt, at + 2, entryCount))) return page;
    at = await numberAt(at + 2 + entryCount * ENTRY_BYTES, 4);
  }
  return 0;
}

/** By the entry NewSubfileType, or the older SubfileType. */
async function isReduced(
  numberAt: (at: number, length: 2 | 4) => Promise<number>,
  entriesAt: number,
  entryCount: number,
): Promise<boolean> {
  for (let index = 0; index < Math.min(entryCount, MAX_COUNT); index += 1) {
    const at = entriesAt + index * ENTRY_BYTES;
    const tag = await numberAt(at, 2);
    if (tag !== 254 && tag !== 255) continue;
    const value = await numberAt(at + 8, (await numberAt(at + 2, 2)) === SHORT ? 2 : 4);
    if (tag === 254 ? value % 2 === 1 : value === 2) return true;
  }
  return false;
}
