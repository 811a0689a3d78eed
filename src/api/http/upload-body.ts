import type { IncomingMessage } from "node:http";
import { Code, ConnectError } from "@connectrpc/connect";
import { TaskError } from "../../domain/errors.js";
import type { UploadBody } from "../../input/upload/uploads.js";
import { BadForm, formParts } from "../../lib/form-parts.js";

/** The file is the body of the request. */
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

/** The file is the only one of a form; what else is in the form is read past. */
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

  /** @throws TaskError INVALID_REQUEST for what is no form, and a form without a file or with several. */
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
 * All of a request's body. It is not destroyed when reading ends early, for the answer needs its
 * connection, but read past.
 *
 * @throws an error if the client goes before all has come; HTTP/2 would end the body as if it had.
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
