import type { Duties } from "../duties.js";

/** Who has which duty. It is kept in memory only: no other process has the file open. */
export class EmbeddedDuties implements Duties {
  readonly #clock: () => number;
  readonly #duties = new Map<string, { readonly owner: string; readonly expiresAtMs: number }>();

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  async leaseDuty(duty: string, owner: string, leaseMs: number): Promise<boolean> {
    const nowMs = this.#clock();
    const current = this.#duties.get(duty);
    if (current && current.owner !== owner && current.expiresAtMs > nowMs) return false;
    this.#duties.set(duty, { owner, expiresAtMs: nowMs + leaseMs });
    return true;
  }
}
