import { createReadStream } from "node:fs";
import { basename } from "node:path";
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UploadRequestSchema, UploadResponse } from "../gen/tmlsr/v1/upload_service_pb.js";

/** A file to upload: its path, or its bytes as they come. */
export type UploadContent = string | AsyncIterable<Uint8Array>;

/** How a file is uploaded. */
export interface UploadOptions {
  /** What the file is called. @default the name at the end of the path */
  readonly fileName?: string;
  /** Ends the upload; nothing of it is then kept. */
  readonly signal?: AbortSignal;
}

/** Uploads a file; the answer's `url` is the `url` of tasks. Calls fail as those of the client do. */
export type Upload = (content: UploadContent, options?: UploadOptions) => Promise<UploadResponse>;

type Request = MessageInitShape<typeof UploadRequestSchema>;

/** Large enough to be fast; the service takes messages of up to 1 MiB. */
const CHUNK_BYTES = 256 * 1024;

/** The messages that an upload consists of. */
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
