import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { Interceptor, ServiceImplSpec } from "@connectrpc/connect";
import type { Violation } from "../../domain/errors.js";
import type { Problem } from "../calls/problem.js";

/** What REST needs of the rest of the API. */
export interface RestOptions {
  /** The services to serve; their methods' http rules say where. */
  readonly services: readonly ServiceImplSpec[];
  /** The same interceptors as over gRPC, in the same order: validation, logging, error mapping. */
  readonly interceptors: readonly Interceptor[];
  /**
   * Ends open streams and is part of the signal of unary calls, which may finish. Its reason is what
   * clients are told: abort it with an error that {@link toProblem} maps to 503.
   */
  readonly shutdownSignal: AbortSignal;
  /** Milliseconds between comments in server-sent events. @default 15000 */
  readonly heartbeatMs?: number;
  /** Milliseconds that a reader of a stream may take nothing before it is cut off. @default 60000 */
  readonly stalledReaderMs?: number;
  /** The largest request body; above it 413. */
  readonly maxBodyBytes: number;
  /**
   * Adds to values that are wrong by their type what else is wrong with the rest of a request.
   * @default nothing
   */
  readonly completeViolations?: (
    method: DescMethod,
    message: Message,
    known: readonly Violation[],
  ) => Promise<readonly Violation[]>;
  /**
   * Maps an error to what HTTP answers. It is given whatever the interceptors let through and the
   * TaskErrors of this folder (INVALID_REQUEST, with violations where single fields are wrong).
   */
  readonly toProblem: (error: unknown) => Problem;
}
