import type { TaskDocument } from "./service/documents.js";

/** What the command ends with; `docs/command.md` lists them. */
export const EXIT = {
  done: 0,
  /** At least one task failed or was canceled, or its result could not be fetched. */
  taskFailed: 1,
  /** The command line is wrong: nothing was begun. */
  usage: 2,
  /** The service does not answer. */
  unreachable: 3,
  /** The service refuses the request. */
  refused: 4,
  /** Stopped by Ctrl-C or SIGTERM. */
  interrupted: 130,
} as const;

export type ExitCode = (typeof EXIT)[keyof typeof EXIT];

/** A failure that the command tells in one line, and the code it ends with. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
  readonly exitCode: ExitCode;

  constructor(exitCode: ExitCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exitCode = exitCode;
  }
}

/** A task that ended without a result. */
export class TaskEnded extends CommandFailure {
  readonly task: TaskDocument | undefined;

  constructor(task: TaskDocument | undefined, taskId: string) {
    const why = task?.error ?? `task ${taskId} was ${task?.status ?? "lost"}`;
    super(EXIT.taskFailed, why);
    this.task = task;
  }
}
