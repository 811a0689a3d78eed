import { History, type HistoryEntry } from "../prompts/history.js";
import type { Switches } from "./switches.js";
import { waitAsSet } from "./wait-as-set.js";

/** A history that implements the `history` switch. */
export class ForgetfulHistory extends History {
  readonly #switches: () => Switches;

  constructor(switches: () => Switches) {
    super();
    this.#switches = switches;
  }

  override add(promptId: string, entry: HistoryEntry): void {
    const { gapMs = 0, forgetAfterMs } = this.#switches().history ?? {};
    if (forgetAfterMs === 0) return;
    const appear = () => {
      super.add(promptId, entry);
      if (forgetAfterMs !== undefined) setTimeout(() => this.delete(promptId), forgetAfterMs);
    };
    if (gapMs === 0) appear();
    else void waitAsSet(() => this.#switches().history?.gapMs).then(appear);
  }
}
