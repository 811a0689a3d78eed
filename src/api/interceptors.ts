import type { Validator } from "@bufbuild/protovalidate";
import type { Interceptor } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import type { Logger } from "../lib/logger.js";
import { callOutcome } from "./calls/call-outcome.js";
import { unaryTimeLimit } from "./calls/unary-time-limit.js";
import { allViolations, type FindViolations } from "./rpc/all-violations.js";

/** Options of {@link createInterceptors}. */
export interface InterceptorOptions {
  readonly logger: Logger;
  readonly validator: Validator;
  /** Finds further violations when the validator has found some. */
  readonly findViolations: FindViolations;
  /** Aborted when the service stops. */
  readonly shutdownSignal: AbortSignal;
  /** Time limit of a unary call. */
  readonly maxTimeoutMs: number;
}

/**
 * The interceptors of every call in every protocol. The outermost comes first: the outcome is
 * mapped and logged, the time is limited, the request is validated.
 */
export function createInterceptors({
  logger,
  validator,
  findViolations,
  shutdownSignal,
  maxTimeoutMs,
}: InterceptorOptions): Interceptor[] {
  return [
    callOutcome(logger),
    unaryTimeLimit(maxTimeoutMs, shutdownSignal),
    allViolations(findViolations),
    createValidateInterceptor({ validator }),
  ];
}
