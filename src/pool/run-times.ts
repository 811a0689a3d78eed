/** Runs up to this length count as short: a second prompt may wait behind one on its server. */
const SHORT_RUN_MS = 10_000;
/** How much the latest run counts in the average. */
const LATEST_SHARE = 0.3;

/** How long the prompts of each workflow ran, as a moving average. */
export class RunTimes {
  readonly #averageMs = new Map<string, number>();

  note(workflow: string, runMs: number): void {
    const before = this.#averageMs.get(workflow);
    this.#averageMs.set(
      workflow,
      before === undefined ? runMs : before + (runMs - before) * LATEST_SHARE,
    );
  }

  /** Whether a workflow's prompts are known to be short; false before one has run. */
  isShort(workflow: string): boolean {
    const averageMs = this.#averageMs.get(workflow);
    return averageMs !== undefined && averageMs <= SHORT_RUN_MS;
  }
}
