import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UploadRequestSchema, UploadResponse } from "./gen/tmlsr/v1/upload_service_pb.js";
import type { UploadOptions } from "./upload-options.js";

/** A file to upload: its path, or a stream of its bytes. */
export type UploadContent = string | AsyncIterable<Uint8Array>;

/**
 * Uploads a file. The answer's `url` can be given as the `url` of a task. Fails with the same
 * errors as other calls of the client.
 */
export type Upload = (content: UploadContent, options?: UploadOptions) => Promise<UploadResponse>;

type Request = MessageInitShape<typeof UploadRequestSchema>;

/** Larger chunks are faster, but the service takes messages of at most 1 MiB. */
const CHUNK_BYTES = 256 * 1024;

/** The messages of one upload, in order. */
export async function* uploadMessages(
  content: UploadContent,
  { fileName }: UploadOptions,
): AsyncGenerator<Request> {
  const isPath = typeof content === "string";
  yield { fileName: fileName ?? (isPath ? basename(content) : "") };
  const chunks = isPath ? createReadStream(content, { highWaterMark: CHUNK_BYTES }) : content;
  for await (const chunk of chunks as AsyncIterable<Uint8Array>)
    for (let at = 0; at < chunk.length; at += CHUNK_BYTES)
      yield { chunk: chunk.subarray(at, at + CHUNK_BYTES) };
}
