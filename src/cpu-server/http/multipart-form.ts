import { createWriteStream } from "node:fs";
import type { IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { finished, pipeline } from "node:stream/promises";
import busboy from "busboy";
import { PythonError } from "../python-text.js";

/** An upload's parts; the file `image` itself is in the spool file. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  /** The name given with the file `image`, leading slashes cut off; undefined if there is no such file. */
  readonly fileName: string | undefined;
}

/** Thrown when the parts together are larger than allowed. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
  readonly actualBytes: number;

  constructor(actualBytes: number) {
    super("Maximum request body size exceeded");
    this.actualBytes = actualBytes;
  }
}

/**
 * Reads an upload as a stream, the file `image` into `spool`. A body that is no form has no parts.
 *
 * @throws TooLarge when the parts' content passes `maxBytes`; the rest is not read.
 */
export async function parseForm(
  request: IncomingMessage,
  maxBytes: number,
  spool: string,
): Promise<Form> {
  if (!/^multipart\/form-data\b/.test(request.headers["content-type"] ?? "")) {
    return { fields: new Map(), fileName: undefined };
  }
  const fields = new Map<string, string>();
  let image: { name: string; written: Promise<void> } | undefined;
  const count = countBytes(maxBytes);
  const parser = openParser(request);
  parser.on("field", (name, value) => {
    if (!fields.has(name)) fields.set(name, value);
  });
  parser.on("file", (name, stream, { filename }) => {
    if (name !== "image" || image !== undefined || !filename) {
      stream.resume();
      return;
    }
    const written = writeCounted(stream, count, spool);
    // Awaited once the form is read; a failure before that is not yet unhandled.
    written.catch(() => parser.destroy());
    image = { name: filename.replace(/^\/+/, ""), written };
  });
  try {
    request.pipe(parser);
    await Promise.all([finished(parser), finished(request)]);
    await image?.written;
  } catch (error) {
    parser.destroy();
    // What the file's own pipeline met comes first; the parser's error follows from it.
    await image?.written.catch(rethrowTooLarge);
    throw notAForm(error);
  } finally {
    // Reads on, or the client would see a broken connection in place of the answer.
    request.unpipe(parser);
    request.resume();
  }
  return { fields, fileName: image?.name };
}

function openParser({ headers }: IncomingMessage): busboy.Busboy {
  try {
    return busboy({ headers, preservePath: true, defParamCharset: "utf8" });
  } catch (error) {
    throw notAForm(error);
  }
}

function rethrowTooLarge(error: unknown): void {
  if (error instanceof TooLarge) throw error;
}

function notAForm(cause: unknown): PythonError {
  return new PythonError("ValueError", "cannot read the form", { cause });
}

type Counted = (chunks: AsyncIterable<Buffer>) => AsyncGenerator<Buffer>;

function countBytes(maxBytes: number): Counted {
  let totalBytes = 0;
  return async function* count(chunks) {
    for await (const chunk of chunks) {
      totalBytes += chunk.length;
      if (totalBytes > maxBytes) throw new TooLarge(totalBytes);
      yield chunk;
    }
  };
}

async function writeCounted(stream: Readable, count: Counted, path: string): Promise<void> {
  await pipeline(stream, count, createWriteStream(path));
}
