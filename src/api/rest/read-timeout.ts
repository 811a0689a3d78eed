import type { FastifyRequest } from "fastify";
import { TaskError } from "../../domain/errors.js";

/** The longest delay of a timer. A later deadline is ignored. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/**
 * The deadline of the request header `X-Server-Timeout` (seconds), in milliseconds from now; undefined: none.
 *
 * @throws TaskError INVALID_REQUEST for a bad `X-Server-Timeout`.
 */
export function readTimeoutMs({ headers }: FastifyRequest): number | undefined {
  const header = headers["x-server-timeout"];
  if (header === undefined) return undefined;
  const timeoutMs = Number(header) * 1000;
  if (timeoutMs > 0) return Math.min(timeoutMs, MAX_TIMEOUT_MS);
  throw new TaskError(
    "INVALID_REQUEST",
    'Cannot read the header "X-Server-Timeout": it must be a number of seconds above 0',
  );
}
