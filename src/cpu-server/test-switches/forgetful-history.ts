import { History, type HistoryEntry } from "../prompts/history.js";
import type { Switches } from "./switches.js";

/** A history that carries out the `history` switch. */
export class ForgetfulHistory extends History {
  readonly #switches: () => Switches;

  constructor(switches: () => Switches) {
    super();
    this.#switches = switches;
  }

  override add(promptId: string, entry: HistoryEntry): void {
    const { gapMs = 0, forgetAfterMs } = this.#switches().history ?? {};
    if (forgetAfterMs === 0) return;
    const appear = () => super.add(promptId, entry);
    if (gapMs === 0) appear();
    else setTimeout(appear, gapMs);
    if (forgetAfterMs !== undefined) {
      setTimeout(() => this.delete(promptId), gapMs + forgetAfterMs);
    }
  }
}
