import type { Task } from "./task.js";

/**
 * The server that runs a task or ran it last; undefined: none, or several the chunks of a film. An ended task
 * has no dispatch, so that it is read from the attempts.
 */
export function serverOf({ film, dispatch, attempts }: Task): string | undefined {
  if (film !== undefined) return film.server ?? undefined;
  return dispatch?.server ?? attempts.findLast(({ server }) => server !== undefined)?.server;
}
