import type { OutgoingHttpHeaders } from "node:http";
import { type Http2ServerRequest, Http2ServerResponse } from "node:http2";

/**
 * A response over HTTP/2 that writes `grpc-message` as gRPC demands: UTF-8, in which only the bytes
 * outside 0x20-0x7E and "%" are percent-encoded (gRPC's PROTOCOL-HTTP2.md, "Responses", rule
 * Percent-Encoded). Connect's library encodes many more bytes, and grpc-js decodes only those of
 * the rule.
 */
export class GrpcMessageResponse<
  Request extends Http2ServerRequest = Http2ServerRequest,
> extends Http2ServerResponse<Request> {
  override addTrailers(trailers: OutgoingHttpHeaders): void {
    const encoded = trailers[MESSAGE];
    const message = typeof encoded === "string" && { [MESSAGE]: asGrpcWritesIt(encoded) };
    super.addTrailers({ ...trailers, ...message });
  }
}

const MESSAGE = "grpc-message";

function asGrpcWritesIt(encoded: string): string {
  return decodeURIComponent(encoded).replace(/[^ -$&-~]/gu, encodeURIComponent);
}
