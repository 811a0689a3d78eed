/** What a figure should be, in its own unit. */
export type Goal = { readonly atMost: number } | { readonly atLeast: number };

/** One measured number. */
export interface Figure {
  /** What was measured, with its conditions. */
  readonly what: string;
  readonly value: number;
  /** `ms`, `s`, `MB`, `/s` or nothing for a ratio or a count. */
  readonly unit: string;
  readonly goal?: Goal;
  /** What a reader must know to judge the number. */
  readonly note?: string;
}

/** One thing to measure, known by its name on the command line. */
export interface Subject {
  readonly name: string;
  measure(options: SubjectOptions): Promise<readonly Figure[]>;
}

/** How a subject is measured. */
export interface SubjectOptions {
  /** For those that last: how long. */
  readonly minutes?: number;
  /** Tells how far it is. */
  say(text: string): void;
}

/** Whether a figure reaches its goal; undefined without one. */
export function isReached({ value, goal }: Figure): boolean | undefined {
  if (goal === undefined) return undefined;
  return "atMost" in goal ? value <= goal.atMost : value >= goal.atLeast;
}

/** A goal as the table shows it. */
export function showGoal(goal: Goal): string {
  return "atMost" in goal ? `<= ${goal.atMost}` : `>= ${goal.atLeast}`;
}
