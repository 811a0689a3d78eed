import type { IncomingMessage } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { TaskError } from "../../domain/errors.js";
import type { UploadBody } from "../../input/upload/uploads.js";
import { BadForm, formParts } from "../../lib/form-parts.js";

/** The body of the request is the file. */
export class RawBody implements UploadBody {
  readonly fileName: string | undefined;
  readonly #request: IncomingMessage;

  constructor(request: IncomingMessage, fileName: string | undefined) {
    this.#request = request;
    this.fileName = fileName;
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer> {
    return chunksOf(this.#request);
  }
}

/** The body is a form with one file. All other parts of the form are skipped. */
export class FormBody implements UploadBody {
  readonly #request: IncomingMessage;
  readonly #contentType: string;
  #fileName: string | undefined;

  constructor(request: IncomingMessage, contentType: string) {
    this.#request = request;
    this.#contentType = contentType;
  }

  get fileName(): string | undefined {
    return this.#fileName;
  }

  /**
   * @throws TaskError INVALID_REQUEST if the body is not a form, or a form with no file or several.
   */
  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    let hasFile = false;
    try {
      for await (const part of formParts(chunksOf(this.#request), this.#contentType, 0)) {
        if (part.kind !== "file") continue;
        if (hasFile) throw new BadForm("it has more than one file");
        hasFile = true;
        this.#fileName = part.fileName;
        yield* part.content;
      }
      if (!hasFile) throw new BadForm("it has no file");
    } catch (thrown) {
      throw thrown instanceof BadForm ? badRequest(thrown) : thrown;
    }
  }
}

function badRequest(cause: BadForm): TaskError {
  return new TaskError("INVALID_REQUEST", `Cannot read the form: ${cause.message}`, { cause });
}

/**
 * The body of a request as chunks. If the reader stops early, the rest of the body is read and
 * dropped instead of destroyed, because the answer needs the connection.
 *
 * @throws an error if the client disconnects before the end; HTTP/2 alone would end the body as if
 *   it were complete.
 */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  try {
    yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  } finally {
    request.resume();
  }
  if (request.aborted || !request.complete)
    throw new ConnectError("The client went away", Code.Canceled);
}
