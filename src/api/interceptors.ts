import { create } from "@bufbuild/protobuf";
import type { Validator } from "@bufbuild/protovalidate";
import type { Interceptor, ServiceImplSpec } from "@connectrpc/connect";
import { createValidateInterceptor } from "@connectrpc/validate";
import type { Logger } from "../lib/logger.js";
import { callOutcome } from "./calls/call-outcome.js";
import { unaryTimeLimit } from "./calls/unary-time-limit.js";
import { allViolations, type FindViolations } from "./rpc/all-violations.js";

/** What {@link createInterceptors} needs. */
export interface InterceptorOptions {
  readonly logger: Logger;
  readonly validator: Validator;
  /** Completes what the validator finds. */
  readonly findViolations: FindViolations;
  /** Aborted when the service stops. */
  readonly shutdownSignal: AbortSignal;
  /** How long a unary call may take. */
  readonly maxTimeoutMs: number;
}

/**
 * What every call goes through, over whatever protocol, the first one outermost: its outcome is
 * mapped and logged, its time is bounded, its request is validated.
 *
 * @param services those whose requests the validator is made ready for: the first of a kind takes
 * some 100 ms otherwise.
 */
export function createInterceptors(
  services: readonly ServiceImplSpec[],
  { logger, validator, findViolations, shutdownSignal, maxTimeoutMs }: InterceptorOptions,
): Interceptor[] {
  for (const { service } of services)
    for (const { input } of service.methods) validator.validate(input, create(input));
  return [
    callOutcome(logger),
    unaryTimeLimit(maxTimeoutMs, shutdownSignal),
    allViolations(findViolations),
    createValidateInterceptor({ validator }),
  ];
}
