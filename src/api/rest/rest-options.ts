import type { DescMethod, Message } from "@bufbuild/protobuf";
import type { ContextValues, Interceptor, ServiceImplSpec } from "@connectrpc/connect";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { Violation } from "../../domain/errors.js";
import type { Problem } from "../calls/problem.js";

/** The parts of the API that REST needs. */
export interface RestOptions {
  /** The services to serve. The http rules of their methods give the paths. */
  readonly services: readonly ServiceImplSpec[];
  /** The same interceptors as over gRPC, in the same order: validation, logging, error mapping. */
  readonly interceptors: readonly Interceptor[];
  /**
   * Ends open streams. It is also part of the signal of unary calls, which may finish. Clients get
   * its reason, so abort it with an error that {@link toProblem} maps to 503.
   */
  readonly shutdownSignal: AbortSignal;
  /** Milliseconds between comments in server-sent events. @default 15000 */
  readonly heartbeatMs?: number;
  /**
   * How many milliseconds a reader of a stream may read nothing before it is cut off. @default
   * 60000
   */
  readonly stalledReaderMs?: number;
  /** Who calls, for the handlers. @default nothing is told */
  readonly contextValues?: (request: FastifyRequest) => ContextValues;
  /** Throws for a request that may not call a method. @default none is refused */
  readonly authorize?: (
    request: FastifyRequest,
    reply: FastifyReply,
    method: DescMethod,
  ) => Promise<void>;
  /** The largest request body of each method. A larger one gets 413. */
  readonly maxBytesOf: (method: DescMethod) => number;
  /**
   * When values do not fit their fields, finds the violations in the rest of the request too.
   * @default finds none
   */
  readonly completeViolations?: (
    method: DescMethod,
    message: Message,
    known: readonly Violation[],
  ) => Promise<readonly Violation[]>;
  /**
   * Maps an error to the problem that HTTP answers. It gets all errors that the interceptors let
   * through, and the TaskErrors of this folder (INVALID_REQUEST, with violations if single fields
   * are wrong).
   */
  readonly toProblem: (error: unknown) => Problem;
}
