import type { Readable } from "node:stream";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type ByteRange, parseByteRange } from "../../lib/byte-range.js";
import { inlineDisposition } from "../../lib/inline-disposition.js";
import { isUnchanged } from "../../lib/is-unchanged.js";
import { createProblem, type Problem, sendProblem } from "../calls/problem.js";

/** A stored result that is open for reading. */
export interface OutputFile extends AsyncDisposable {
  readonly sizeBytes: number;
  readonly mediaType: string;
  /** A strong ETag in quotes. */
  readonly etag: string;
  readonly modifiedAt: Date;
  /**
   * Streams the bytes from `first` to `last`, both included. The end of the stream closes the file.
   */
  read(first: number, last: number): Readable;
}

/** Answers with a whole file, a range of it, or that it has not changed; closes it. */
export async function sendFile(
  request: FastifyRequest,
  reply: FastifyReply,
  output: OutputFile,
  fileName: string,
): Promise<FastifyReply> {
  const validators = { etag: output.etag, "last-modified": output.modifiedAt.toUTCString() };
  reply.headers({
    ...validators,
    "accept-ranges": "bytes",
    "x-content-type-options": "nosniff",
  });
  if (isUnchanged(request.headers, validators)) {
    await output[Symbol.asyncDispose]();
    return reply.code(304).send();
  }
  const range = wantedRange(request, output);
  if (range === "unsatisfiable") {
    await output[Symbol.asyncDispose]();
    return sendProblem(reply, unsatisfiable(output.sizeBytes));
  }
  reply.type(output.mediaType).header("content-disposition", inlineDisposition(fileName));
  const { first, last } = range ?? { first: 0, last: output.sizeBytes - 1 };
  reply.header("content-length", last - first + 1);
  if (range) reply.code(206).header("content-range", `bytes ${first}-${last}/${output.sizeBytes}`);
  if (request.method === "GET" && last >= first) return reply.send(output.read(first, last));
  await output[Symbol.asyncDispose]();
  return reply.send();
}

function unsatisfiable(sizeBytes: number): Problem {
  const detail = `Cannot send the range: the file has ${sizeBytes} bytes`;
  const headers = { "content-range": `bytes */${sizeBytes}` };
  return createProblem(416, "RANGE_NOT_SATISFIABLE", detail, { headers });
}

/**
 * The range to send. Only GET has ranges (RFC 9110, 14.2). If If-Range shows that the client has a
 * part of another version, there is no range (13.1.5).
 */
function wantedRange(
  { method, headers }: FastifyRequest,
  output: OutputFile,
): ByteRange | "unsatisfiable" | undefined {
  const condition = String(headers["if-range"] ?? output.etag);
  const isSame =
    condition === output.etag || Date.parse(condition) === wholeSeconds(output.modifiedAt);
  return method === "GET" && isSame ? parseByteRange(headers.range, output.sizeBytes) : undefined;
}

/** HTTP dates have no fractions of a second. */
function wholeSeconds(date: Date): number {
  return Math.floor(date.getTime() / 1000) * 1000;
}
