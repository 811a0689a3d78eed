import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import type { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { Code, ConnectError } from "@connectrpc/connect";
import busboy from "busboy";
import { TaskError } from "../../domain/errors.js";
import type { UploadBody } from "../../input/upload/uploads.js";

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
    const parser = openParser({ "content-type": this.#contentType });
    parser.on("filesLimit", () => parser.destroy(badForm("it has more than one file")));
    const file = new Promise<Readable | undefined>((resolve) => {
      parser.once("close", () => resolve(undefined));
      parser.once("file", (_field, content, { filename }) => {
        this.#fileName = filename;
        resolve(content);
      });
    });
    const parsed = pipeline(chunksOf(this.#request), parser);
    try {
      const content = await Promise.race([file, parsed.then(() => file)]);
      if (content !== undefined) yield* contentOf(content, parsed);
      await parsed;
      if (content === undefined) throw badForm("it has no file");
    } catch (thrown) {
      throw isParsers(thrown) ? badForm(thrown.message, thrown) : thrown;
    } finally {
      parser.destroy();
      parsed.catch(() => undefined);
    }
  }
}

/**
 * All of a request's body. It is not destroyed when reading ends early, for the answer needs its
 * connection.
 *
 * @throws an error if the client goes before all has come; HTTP/2 would end the body as if it had.
 */
async function* chunksOf(request: IncomingMessage): AsyncGenerator<Buffer> {
  yield* request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>;
  if (request.aborted || !request.complete)
    throw new ConnectError("The client went away", Code.Canceled);
}

/** What the parser broke on is the reason for which its file broke off. */
async function* contentOf(content: Readable, parsed: Promise<void>): AsyncGenerator<Buffer> {
  try {
    yield* content as AsyncIterable<Buffer>;
  } catch (thrown) {
    await parsed;
    throw thrown;
  }
}

function openParser(headers: IncomingHttpHeaders): busboy.Busboy {
  const limits = { files: 1, fields: 0 };
  try {
    return busboy({ headers, defParamCharset: "utf8", limits });
  } catch (thrown) {
    throw badForm(thrown instanceof Error ? thrown.message : "", thrown);
  }
}

/** The parser's errors are plain ones. */
function isParsers(thrown: unknown): thrown is Error {
  return thrown instanceof Error && thrown.name === "Error" && !("code" in thrown);
}

function badForm(reason: string, cause?: unknown): TaskError {
  return new TaskError("INVALID_REQUEST", `Cannot read the form: ${lowerFirst(reason)}`, { cause });
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
