import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { BadForm, formParts } from "../../../src/lib/form-parts.js";

const TYPE = "multipart/form-data; boundary=b";
const MIB = 1024 * 1024;

const field = (name: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
const file = (name: string, fileName: string, content: Buffer | string) =>
  Buffer.concat([
    Buffer.from(
      `--b\r\nContent-Disposition: form-data; name="${name}"; filename="${fileName}"\r\n\r\n`,
    ),
    Buffer.from(content),
    Buffer.from("\r\n"),
  ]);
const form = (...parts: (Buffer | string)[]) =>
  Buffer.concat([...parts.map((part) => Buffer.from(part)), Buffer.from("--b--\r\n")]);

async function* inPieces(bytes: Buffer, pieceBytes = bytes.length): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += pieceBytes) yield bytes.subarray(at, at + pieceBytes);
}

/** All parts, files with their content as text; "skip" files are not read. */
async function readAll(body: AsyncIterable<Buffer>, type = TYPE, maxFields = 10) {
  const seen: unknown[] = [];
  for await (const part of formParts(body, type, maxFields))
    if (part.kind === "field") seen.push([part.name, part.value]);
    else if (part.name === "skip") seen.push([part.name, part.fileName]);
    else seen.push([part.name, part.fileName, await textOf(part.content)]);
  return seen;
}

async function textOf(content: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString("latin1");
}

describe("formParts", () => {
  test.each([1, 7, 64, 100_000])("gives parts in order, in pieces of %i bytes", async (size) => {
    const body = form(
      field("a", "1"),
      file("one", "照片.png", "first"),
      file("skip", "s", "x".repeat(70_000)),
      file("two", "C:\\dir\\b.png", ""),
      field("a", "ü"),
      file("three", "../c", "--c"),
    );
    expect(await readAll(inPieces(body, size))).toEqual([
      ["a", "1"],
      ["one", "照片.png", "first"],
      ["skip", "s"],
      ["two", "C:\\dir\\b.png", ""],
      ["a", "ü"],
      ["three", "../c", "--c"],
    ]);
  });

  test("leaves out values after the first, as many as are asked for", async () => {
    const body = form(field("a", "1"), field("b", "2"), file("f", "f", "3"));
    expect(await readAll(inPieces(body), TYPE, 1)).toEqual([
      ["a", "1"],
      ["f", "f", "3"],
    ]);
    expect(await readAll(inPieces(body), TYPE, 0)).toEqual([["f", "f", "3"]]);
  });

  test("takes from the body no more than is read of a file", async () => {
    let sentBytes = 0;
    async function* endless() {
      yield file("f", "f", "").subarray(0, -2);
      for (;;) {
        sentBytes += 65_536;
        yield Buffer.alloc(65_536);
      }
    }
    let readBytes = 0;
    for await (const part of formParts(endless(), TYPE, 0)) {
      if (part.kind !== "file") continue;
      for await (const chunk of part.content) {
        readBytes += chunk.length;
        await new Promise((resolve) => setImmediate(resolve));
        expect(sentBytes - readBytes).toBeLessThan(MIB);
        if (readBytes > 8 * MIB) break;
      }
      break;
    }
    expect(readBytes).toBeGreaterThan(8 * MIB);
  });

  test.each([
    ["no boundary", "multipart/form-data", "its Content-Type names no boundary"],
    ["another type", "text/plain", "its Content-Type names no boundary"],
    ["another boundary", "multipart/form-data; boundary=c", "unexpected end of form"],
  ])("refuses a body with %s", async (_what, type, message) => {
    const reading = readAll(inPieces(form(field("a", "1"))), type);
    await expect(reading).rejects.toEqual(new BadForm(message));
  });

  test("tells of what the body threw, as it is, whether or not a file is read then", async () => {
    const reason = new Error("The client went away");
    async function* broken(begin: Buffer | string) {
      yield Buffer.from(begin);
      throw reason;
    }
    for (const begin of ["", "--b", field("a", "1"), file("f", "f", randomBytes(100_000))])
      await expect(readAll(broken(begin))).rejects.toBe(reason);
    await expect(readAll(broken(file("skip", "s", "x").subarray(0, -2)))).rejects.toBe(reason);
  });

  test("ends with all parts or as a bad form, wherever a form is cut or damaged", async () => {
    const whole = form(field("a", "1"), file("f", "f", randomBytes(300)), file("skip", "s", "x"));
    const damage = fc.record({
      at: fc.nat(whole.length - 1),
      bytes: fc.uint8Array({ maxLength: 6 }),
      cutAt: fc.option(fc.nat(whole.length), { nil: whole.length }),
      pieceBytes: fc.integer({ min: 1, max: whole.length }),
    });
    await fc.assert(
      fc.asyncProperty(damage, async ({ at, bytes, cutAt, pieceBytes }) => {
        const body = Buffer.from(whole);
        body.set(bytes.subarray(0, whole.length - at), at);
        const reading = readAll(inPieces(body.subarray(0, cutAt), pieceBytes));
        const outcome = await reading.catch((thrown: unknown) => thrown);
        if (!(outcome instanceof BadForm)) expect(outcome).toBeInstanceOf(Array);
      }),
      { numRuns: 300 },
    );
  });
});
