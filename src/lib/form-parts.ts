import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyInstance } from "@fastify/busboy";

/** A part of a form: a value, or a file as it comes. */
export type FormPart = FormField | FormFile;

/** At most 1 MiB of a value is kept. */
interface FormField {
  readonly kind: "field";
  readonly name: string;
  readonly value: string;
}

interface FormFile {
  readonly kind: "file";
  readonly name: string;
  /** As it was sent: untrusted, perhaps with a path; absent where the part's type alone makes it a file. */
  readonly fileName: string | undefined;
  /** Read to its end, or not at all: then it is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/** Thrown for what is no form or ends too early; the message is the reason. */
export class BadForm extends Error {
  override readonly name = "BadForm";
}

/**
 * Reads a form (multipart/form-data, RFC 7578) part by part, no faster than its files are read. Who stops
 * before its end leaves the rest of the body where it is.
 *
 * @param maxFields of more values than that, only the first are given.
 * @throws BadForm; what `body` throws, as it is. So does the content of a file.
 */
export async function* formParts(
  body: AsyncIterable<Buffer>,
  contentType: string,
  maxFields: number,
): AsyncGenerator<FormPart, void> {
  const form = new OpenForm(openParser(contentType, maxFields), body);
  try {
    for await (const part of form.parts) {
      yield part;
      if (part.kind === "file") part.content.skipUnread();
    }
  } catch (thrown) {
    throw form.reasonOf(thrown);
  } finally {
    form.close();
  }
}

function openParser(contentType: string, maxFields: number): BusboyInstance {
  const headers = { "content-type": contentType };
  try {
    return new Busboy({ headers, preservePath: true, limits: { fields: maxFields } });
  } catch (cause) {
    throw new BadForm("its Content-Type names no boundary", { cause });
  }
}

/** A parser at work, and the parts that came out of it. */
class OpenForm {
  readonly #parser: BusboyInstance;
  readonly #parts = new Readable({ objectMode: true, read: () => undefined });
  /** The file that comes in now, or the last. */
  #file: Readable | undefined;
  #bodyFailure: { readonly thrown: unknown } | undefined;

  constructor(parser: BusboyInstance, body: AsyncIterable<Buffer>) {
    this.#parser = parser;
    parser.on("field", (name, value) => this.#parts.push({ kind: "field", name, value }));
    parser.on("file", (name, stream, fileName) => {
      this.#file = stream;
      const content = new FileContent(stream, (thrown) => this.reasonOf(thrown));
      this.#parts.push({ kind: "file", name, fileName, content });
    });
    pipeline(this.#watched(body), parser).then(
      () => this.#parts.push(null),
      (error: Error) => {
        this.#file?.destroy(error);
        this.#parts.destroy(error);
      },
    );
  }

  get parts(): AsyncIterable<FormField | (FormFile & { readonly content: FileContent })> {
    return this.#parts;
  }

  /** What the body threw, else what is wrong with the form. */
  reasonOf(thrown: unknown): unknown {
    if (this.#bodyFailure !== undefined) return this.#bodyFailure.thrown;
    return new BadForm("unexpected end of form", { cause: thrown });
  }

  close(): void {
    this.#parser.destroy();
  }

  async *#watched(body: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    try {
      yield* body;
    } catch (thrown) {
      this.#bodyFailure = { thrown };
      throw thrown;
    }
  }
}

class FileContent implements AsyncIterable<Buffer> {
  readonly #stream: Readable;
  readonly #reasonOf: (thrown: unknown) => unknown;
  #isBegun = false;

  constructor(stream: Readable, reasonOf: (thrown: unknown) => unknown) {
    this.#stream = stream;
    this.#reasonOf = reasonOf;
    // Whoever reads is told; an error that nobody listens for would take the process with it.
    stream.on("error", () => undefined);
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    this.#isBegun = true;
    try {
      yield* this.#stream as AsyncIterable<Buffer>;
    } catch (thrown) {
      throw this.#reasonOf(thrown);
    }
  }

  skipUnread(): void {
    if (!this.#isBegun) this.#stream.resume();
  }
}
