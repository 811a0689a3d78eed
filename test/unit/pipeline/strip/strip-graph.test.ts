import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import sharp from "sharp";
import { expect, test } from "vitest";
import { stripGraph } from "../../../../src/pipeline/strip/strip-graph.js";
import { aPicture } from "../../../support/pictures.js";
import { tempDir } from "../../../support/temp-dir.js";

const GRAPH = '{"1": {"class_type": "LoadImage", "inputs": {}}}';

test("stripGraph() removes the graph from a PNG and keeps all else to the byte", async () => {
  const plain = await aPicture();
  const stripped = await strip(
    withChunks(plain, [
      textChunk("prompt", GRAPH),
      textChunk("workflow", GRAPH),
      textChunk("Author", "somebody"),
    ]),
  );
  expect(stripped).toEqual(withChunks(plain, [textChunk("Author", "somebody")]));
  expect((await sharp(stripped).stats()).channels).toHaveLength(3);
});

test("stripGraph() leaves a PNG without a graph, and a cut one, as they are", async () => {
  const plain = await aPicture();
  expect(await strip(plain)).toEqual(plain);
  const cut = plain.subarray(0, plain.length - 20);
  expect(await strip(cut)).toEqual(cut);
});

test("stripGraph() turns the metadata of an MP4 that holds a graph into free space", async () => {
  const file = (metadata: Buffer) =>
    Buffer.concat([
      box("ftyp", "isom"),
      box("moov", box("mvhd", "x"), metadata),
      box("mdat", "frames"),
    ]);
  const stripped = await strip(file(box("udta", `prompt${GRAPH}`)));
  expect(stripped).toEqual(file(box("free", Buffer.alloc(GRAPH.length + 6))));
  const other = file(box("udta", "made by a camera"));
  expect(await strip(other)).toEqual(other);
});

test("stripGraph() leaves other formats alone", async () => {
  const text = Buffer.from(GRAPH);
  expect(await strip(text)).toEqual(text);
});

async function strip(content: Buffer): Promise<Buffer> {
  const path = join(await tempDir(), "file");
  await writeFile(path, content);
  await stripGraph(path);
  return await readFile(path);
}

/** Inserts chunks behind the header chunk. */
function withChunks(png: Buffer, chunks: readonly Buffer[]): Buffer {
  return Buffer.concat([png.subarray(0, 33), ...chunks, png.subarray(33)]);
}

function textChunk(keyword: string, text: string): Buffer {
  const body = Buffer.from(`tEXt${keyword}\0${text}`, "latin1");
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length - 4);
  // The checksum of a chunk that decoders skip need not be right.
  return Buffer.concat([length, body, Buffer.alloc(4)]);
}

function box(type: string, ...content: (Buffer | string)[]): Buffer {
  const body = Buffer.concat(content.map((part) => Buffer.from(part)));
  const head = Buffer.alloc(8);
  head.writeUInt32BE(body.length + 8);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, body]);
}
