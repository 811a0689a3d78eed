import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "../client/gen/tmlsr/v1/error_pb.js";

/** What the page shows of a failed call. */
export interface Failure {
  /** One sentence. */
  readonly message: string;
  /** The service's stable code, or the gRPC code's name where the service gave none. */
  readonly code: string;
  /** What is wrong with single fields of the request, by their names. */
  readonly fields: ReadonlyMap<string, string>;
}

/** Reads any error that a call of the API throws. */
export function toFailure(thrown: unknown): Failure {
  const error = ConnectError.from(thrown);
  const [detail] = error.findDetails(ErrorDetailSchema);
  const fields = new Map(detail?.violations.map(({ field, message }) => [field, message]));
  return { message: error.rawMessage, code: detail?.code || Code[error.code], fields };
}
