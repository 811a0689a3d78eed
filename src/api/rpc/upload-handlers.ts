import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ContextValues, ServiceImpl } from "@connectrpc/connect";
import type {
  UploadService as UploadProto,
  UploadRequest,
  UploadResponseSchema,
} from "../../gen/tmlsr/v1/upload_service_pb.js";
import type { Upload, UploadBody, Uploads as UploadUseCases } from "../../input/upload/uploads.js";

/** The use cases behind tmlsr.v1.UploadService and `POST /uploads`. */
export type Uploads = Pick<UploadUseCases, "take">;

/** The handlers of tmlsr.v1.UploadService. @param uploadsOf the use cases for whoever calls. */
export function createUploadHandlers(
  uploadsOf: (values: ContextValues) => Uploads,
): ServiceImpl<typeof UploadProto> {
  return {
    async upload(requests, { signal, values }) {
      const uploads = uploadsOf(values);
      return toProtoUpload(await uploads.take(new MessagesBody(requests), { signal }));
    },
  };
}

/** An upload as clients see it, over gRPC and REST. */
export function toProtoUpload({
  url,
  sizeBytes,
  mediaType,
  expiresAt,
}: Upload): MessageInitShape<typeof UploadResponseSchema> {
  return {
    ...{ url, mediaType },
    sizeBytes: BigInt(sizeBytes),
    expiresAt: timestampFromDate(expiresAt),
  };
}

/** A file that arrives as chunks in messages. */
class MessagesBody implements UploadBody {
  readonly #messages: AsyncIterable<UploadRequest>;
  #fileName: string | undefined;

  constructor(messages: AsyncIterable<UploadRequest>) {
    this.#messages = messages;
  }

  get fileName(): string | undefined {
    return this.#fileName;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    for await (const { fileName, chunk } of this.#messages) {
      this.#fileName ??= fileName;
      yield chunk;
    }
  }
}
