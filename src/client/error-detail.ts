import { base64Encode } from "@bufbuild/protobuf/wire";
import { ConnectError } from "@connectrpc/connect";
import { findTrailerError } from "@connectrpc/connect/protocol-grpc";
import { type ErrorDetail, ErrorDetailSchema } from "./gen/tmlsr/v1/error_pb.js";

/**
 * The stable code of the error that a call failed with, e.g. `TASK_NOT_FOUND`. Programs should
 * decide by this code.
 *
 * @param error of a grpc-js or a Connect client.
 * @returns undefined for an error that is not the service's own, such as a lost connection.
 */
export function errorCodeOf(error: unknown): string | undefined {
  return errorDetailOf(error)?.code;
}

/** The service's details of an error: its code, the violations of a request, when to try again. */
export function errorDetailOf(error: unknown): ErrorDetail | undefined {
  const connectError = error instanceof ConnectError ? error : fromGrpc(error);
  return connectError?.findDetails(ErrorDetailSchema)[0];
}

/**
 * gRPC sends details as a serialized google.rpc.Status in a trailer. Connect's library can read it.
 * The trailer is recognized by its form: grpc-js, whose class it has, is not there in a browser.
 */
function fromGrpc(error: unknown): ConnectError | undefined {
  if (!(error instanceof Error) || !("metadata" in error)) return undefined;
  const [status] = (error.metadata as Partial<Trailers> | undefined)?.get?.(STATUS_TRAILER) ?? [];
  if (!(status instanceof Uint8Array)) return undefined;
  const trailer = { "grpc-status": "2", [STATUS_TRAILER]: base64Encode(status) };
  return findTrailerError(new Headers(trailer));
}

interface Trailers {
  get(name: string): readonly unknown[];
}

const STATUS_TRAILER = "grpc-status-details-bin";
