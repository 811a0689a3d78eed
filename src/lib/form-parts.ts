import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Busboy, type BusboyInstance } from "@fastify/busboy";

/** A part of a form: a value, or a file whose content is read as a stream. */
export type FormPart = FormField | FormFile;

/** A value. Only its first 1 MiB is kept. */
interface FormField {
  readonly kind: "field";
  readonly name: string;
  readonly value: string;
}

interface FormFile {
  readonly kind: "file";
  readonly name: string;
  /**
   * The name that the client sent. It is untrusted and may contain a path. Absent if only the
   * part's type says that it is a file.
   */
  readonly fileName: string | undefined;
  /** Read it to its end, or do not begin to read it: then it is skipped. */
  readonly content: AsyncIterable<Buffer>;
}

/** The body is not a form or ends too early. The message gives the reason. */
export class BadForm extends Error {
  override readonly name = "BadForm";
}

/**
 * Reads a form (multipart/form-data, RFC 7578) part by part. The body is read no faster than the
 * caller reads the files. If the caller stops early, the rest of the body stays unread.
 *
 * @param maxFields how many values are given; further values are dropped.
 * @throws BadForm; errors of `body` unchanged. Reading a file's content throws the same errors.
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

/** A running parser and the parts that it has found. */
class OpenForm {
  readonly #parser: BusboyInstance;
  readonly #parts = new Readable({ objectMode: true, read: () => undefined });
  /** The file that is being received, or the last one. */
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

  /** The error of the body if there is one, otherwise the error of the form. */
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
    // The reader gets the error. This listener exists because an error without a listener ends the
    // process.
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
