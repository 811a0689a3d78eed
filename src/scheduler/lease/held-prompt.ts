import type { Dispatch, Task } from "../../domain/task.js";

type Place = Omit<Dispatch, "at">;

/** Where the prompt of a held task is, as last written, and which variant of its workflow a server took. */
export class HeldPrompt {
  #dispatch: Place | undefined;
  #writtenAtMs = performance.now();
  #variant: string | undefined;
  /** As it was before the present prompt. */
  #variantBefore: string | undefined;

  /** @param leasedAt by the store's clock. */
  constructor({ dispatch, variant }: Pick<Task, "dispatch" | "variant">, leasedAt: Date) {
    this.#dispatch = dispatch;
    this.#variant = variant;
    this.#variantBefore = variant;
    if (dispatch !== undefined)
      this.#writtenAtMs -= Math.max(0, leasedAt.getTime() - dispatch.at.getTime());
  }

  get dispatch(): Place | undefined {
    return this.#dispatch;
  }

  get ageMs(): number {
    return performance.now() - this.#writtenAtMs;
  }

  get variant(): string | undefined {
    return this.#variant;
  }

  noteWritten(dispatch: Place): void {
    this.#dispatch = dispatch;
    this.#writtenAtMs = performance.now();
    if (dispatch.phase === "sent") this.#variantBefore = this.#variant;
    if (dispatch.phase !== "intent") this.#variant = dispatch.variant ?? this.#variant;
  }

  forget(): void {
    this.#dispatch = undefined;
  }

  forgetWithdrawn(): void {
    this.forget();
    this.#variant = this.#variantBefore;
  }
}
