import type { FilmState } from "../../domain/film.js";
import type { Attempt, Dispatch, Task } from "../../domain/task.js";
import { without } from "./without.js";

/** `T` as JSON prints it: the fields `Dates` are texts. */
export type WithTextDates<T, Dates extends keyof T> = Omit<T, Dates> & {
  [K in keyof Pick<T, Dates>]: string;
};

/** The parts of a task that have times of their own, as JSON prints them. */
export interface DatedParts {
  readonly attempts: readonly WithTextDates<Attempt, "startedAt" | "endedAt">[];
  readonly dispatch?: WithTextDates<Dispatch, "at">;
  readonly film?: WithTextDates<FilmState, "processBeganAt">;
}

/** Reads the times of these parts again; attempts in place. */
export function readParts({
  attempts,
  dispatch,
  film,
}: DatedParts): Pick<Task, "attempts" | "dispatch" | "film"> {
  return {
    attempts: attempts.map(toAttempt),
    ...(dispatch && { dispatch: { ...dispatch, at: new Date(dispatch.at) } }),
    ...(film && { film: toFilm(film) }),
  };
}

/** A task as a text, without what concerns its holder alone. */
export function taskToText(task: Task): string {
  return JSON.stringify(
    without(task, "lease", "uploadCheckpoint", "memoryFailures", "unclearFailure"),
  );
}

/** The task of such a text. */
export function textToTask(text: string): Task {
  const { createdAt, updatedAt, dueAt, notBefore, finishedAt, attempts, dispatch, film, ...rest } =
    JSON.parse(text) as TaskText;
  return {
    ...rest,
    createdAt: new Date(createdAt),
    updatedAt: new Date(updatedAt),
    dueAt: new Date(dueAt),
    ...(notBefore !== undefined && { notBefore: new Date(notBefore) }),
    ...(finishedAt !== undefined && { finishedAt: new Date(finishedAt) }),
    ...readParts({ attempts, ...(dispatch && { dispatch }), ...(film && { film }) }),
  };
}

type TaskText = WithTextDates<
  Omit<Task, "lease" | "turnAt" | "firstBypassedAt" | keyof DatedParts>,
  "createdAt" | "updatedAt" | "dueAt" | "notBefore" | "finishedAt"
> &
  DatedParts;

function toAttempt(attempt: DatedParts["attempts"][number]): Attempt {
  const { startedAt, endedAt } = attempt;
  const rest: Omit<Attempt, "startedAt" | "endedAt"> = attempt;
  return Object.assign(rest, {
    startedAt: new Date(startedAt),
    ...(endedAt !== undefined && { endedAt: new Date(endedAt) }),
  });
}

function toFilm({ processBeganAt, ...rest }: NonNullable<DatedParts["film"]>): FilmState {
  return {
    ...rest,
    ...(processBeganAt !== undefined && { processBeganAt: new Date(processBeganAt) }),
  };
}
