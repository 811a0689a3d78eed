import type { Task } from "./task.js";

/**
 * The server that runs a task or ran it last; of a film in chunks the one that ran them all. Undefined: there
 * is none. An ended task has no dispatch, so that it is read from the attempts.
 */
export function serverOf({ film, dispatch, attempts }: Task): string | undefined {
  if (film !== undefined) return film.phase === "join" ? (film.server ?? undefined) : undefined;
  return dispatch?.server ?? attempts.findLast(({ server }) => server !== undefined)?.server;
}
