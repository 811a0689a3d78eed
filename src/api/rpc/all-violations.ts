import { type DescMethod, isMessage, type Message } from "@bufbuild/protobuf";
import { ValidationError, type Validator } from "@bufbuild/protovalidate";
import { ConnectError, type Interceptor } from "@connectrpc/connect";
import { TaskError, type Violation } from "../../domain/errors.js";
import {
  type CreateTaskRequest,
  CreateTaskRequestSchema,
} from "../../gen/tmlsr/v1/task_service_pb.js";
import { invalidRequest } from "../calls/invalid-request.js";
import { toViolations } from "../calls/to-violations.js";
import type { Tasks } from "./task-handlers.js";
import { toCreateTask } from "./task-request.js";

/**
 * Adds further violations to the known ones of a request, so that a client learns all of them at
 * once. They are found by the rules of the proto, and then by the service.
 */
export type FindViolations = (
  method: DescMethod,
  message: Message,
  known: readonly Violation[],
) => Promise<readonly Violation[]>;

/**
 * Makes the function that finds further violations. It is only called for requests that are refused
 * anyway.
 */
export function createFindViolations(
  validator: Validator,
  tasks: Pick<Tasks, "violations">,
): FindViolations {
  return async (method, message, known) => {
    const { error } = validator.validate(method.input, message);
    const byRules = error instanceof ValidationError ? toViolations(error) : [];
    const found = [...known, ...unheardOf(byRules, known)];
    if (!isMessage(message, CreateTaskRequestSchema)) return found;
    return [...found, ...unheardOf(await findInTask(message, tasks), found)];
  };
}

/**
 * Completes the violations that the validator, the next interceptor, finds in a unary call's
 * request.
 */
export function allViolations(find: FindViolations): Interceptor {
  return (next) => async (call) => {
    try {
      return await next(call);
    } catch (thrown) {
      const isInvalid = thrown instanceof ConnectError && thrown.cause instanceof ValidationError;
      if (!isInvalid || call.stream) throw thrown;
      throw invalidRequest(await find(call.method, call.message, []), thrown);
    }
  };
}

/**
 * The violations of fields that are not yet known to be wrong. If the workflow is wrong, its
 * parameters cannot be judged and are left out.
 */
function unheardOf(found: readonly Violation[], known: readonly Violation[]): Violation[] {
  const wrong = new Set(known.map(topField));
  if (["type", "workflow", "model"].some((name) => wrong.has(name))) wrong.add("parameters");
  return found.filter((violation) => !wrong.has(topField(violation)));
}

/** The parts of a webhook are fields of their own. */
function topField({ field }: Violation): string {
  return /^(webhook\.)?[^.[]*/.exec(field)?.[0] ?? field;
}

async function findInTask(
  request: CreateTaskRequest,
  tasks: Pick<Tasks, "violations">,
): Promise<readonly Violation[]> {
  try {
    return await tasks.violations(toCreateTask(request, null));
  } catch (thrown) {
    if (thrown instanceof TaskError) return thrown.violations;
    throw thrown;
  }
}
