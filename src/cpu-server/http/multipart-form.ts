import type { IncomingMessage } from "node:http";
import { formParts } from "../../lib/form-parts.js";
import { OpeningFile } from "../../lib/opening-file.js";
import { PythonError } from "../python-text.js";

/** The parts of an upload. The file `image` itself is in the spool file. */
export interface Form {
  readonly fields: ReadonlyMap<string, string>;
  /** The name of the file `image` without leading slashes. Undefined if there is no such file. */
  readonly fileName: string | undefined;
}

/** ComfyUI reads only four fields. */
const MAX_FIELDS = 100;

/** The file is larger than allowed. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
  readonly actualBytes: number;

  constructor(actualBytes: number) {
    super("Maximum request body size exceeded");
    this.actualBytes = actualBytes;
  }
}

/**
 * Reads an upload as a stream and writes the file `image` to `spool`. A body that is not a form has
 * no parts.
 *
 * @throws TooLarge when the file has more than `maxBytes`. The rest of the body is read and
 *   dropped.
 */
export async function parseForm(
  request: IncomingMessage,
  maxBytes: number,
  spool: string,
): Promise<Form> {
  const contentType = request.headers["content-type"] ?? "";
  if (!/^multipart\/form-data\b/.test(contentType))
    return { fields: new Map(), fileName: undefined };
  try {
    return await readParts(request, contentType, maxBytes, spool);
  } catch (thrown) {
    throw thrown instanceof TooLarge ? thrown : unreadable(thrown);
  } finally {
    // Reads the rest of the body. If it stopped here, the client would see a broken connection
    // instead of the answer.
    request.resume();
  }
}

async function readParts(
  request: IncomingMessage,
  contentType: string,
  maxBytes: number,
  spool: string,
): Promise<Form> {
  const fields = new Map<string, string>();
  let fileName: string | undefined;
  // It is opened while the body arrives.
  await using file = new OpeningFile(spool, true);
  for await (const part of formParts(bodyOf(request), contentType, MAX_FIELDS)) {
    if (part.kind === "field") {
      if (!fields.has(part.name)) fields.set(part.name, part.value);
    } else if (part.name === "image" && fileName === undefined && part.fileName) {
      await write(part.content, maxBytes, file);
      fileName = part.fileName.replace(/^\/+/, "");
    }
  }
  return { fields, fileName };
}

function unreadable(cause: unknown): PythonError {
  return new PythonError("ValueError", "cannot read the form", { cause });
}

/** The body of a request; what is left when reading ends early is read past. */
async function* bodyOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } finally {
    request.resume();
  }
}

async function write(content: AsyncIterable<Buffer>, maxBytes: number, file: OpeningFile) {
  let totalBytes = 0;
  for await (const chunk of content) {
    totalBytes += chunk.length;
    if (totalBytes > maxBytes) throw new TooLarge(totalBytes);
    await file.append(chunk);
  }
}
