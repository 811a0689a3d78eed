/** Who does what one process alone should do. Kept in memory: no other process has the file open. */
export class HeldDuties {
  readonly #held = new Map<string, { readonly owner: string; readonly expiresAtMs: number }>();

  /** @returns whether the duty is the owner's until then. */
  lease(duty: string, owner: string, nowMs: number, leaseMs: number): boolean {
    const current = this.#held.get(duty);
    if (current && current.owner !== owner && current.expiresAtMs > nowMs) return false;
    this.#held.set(duty, { owner, expiresAtMs: nowMs + leaseMs });
    return true;
  }
}
