/** Why a task is no longer worked on here. */
export type LetGoReason = "lost" | "canceled" | "terminal" | "stopping";

/** Thrown inside a run, as the reason of its signal, when the task must be let go. */
export class TaskLetGo extends Error {
  override readonly name = "TaskLetGo";
  readonly end: LetGoReason;

  constructor(end: LetGoReason) {
    super(`The task is no longer worked on here: ${end}`);
    this.end = end;
  }
}
