import { isDeepStrictEqual } from "node:util";
import type { Dispatch, Task } from "../../domain/task.js";

type Place = Omit<Dispatch, "at">;

/** Where the prompt of a held task is, as last written, and which variant of its workflow a server took. */
export class HeldPrompt {
  #dispatch: Place | undefined;
  #writtenAtMs = performance.now();
  #variant: string | undefined;
  /** As it was before the present prompt. */
  #variantBefore: string | undefined;
  /** What will be sent to a server, where that can be foreseen. */
  foresee: (serverId: string) => Place | undefined = () => undefined;
  /** What was stored with the slot and is not sent yet. */
  intent: Place | undefined;

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

  /** How long ago that was written. */
  get ageMs(): number {
    return performance.now() - this.#writtenAtMs;
  }

  get variant(): string | undefined {
    return this.#variant;
  }

  /** Whether it is in the store already. */
  isIntended(dispatch: Place): boolean {
    return isDeepStrictEqual(dispatch, this.intent);
  }

  noteWritten(dispatch: Place): void {
    this.intent = undefined;
    this.#dispatch = dispatch;
    this.#writtenAtMs = performance.now();
    if (dispatch.phase === "sent") this.#variantBefore = this.#variant;
    if (dispatch.phase !== "intent") this.#variant = dispatch.variant ?? this.#variant;
  }

  /** Forgets a prompt that is of no use any more: the next one recorded takes its place. */
  forget(): void {
    this.#dispatch = undefined;
  }

  /** Forgets a prompt that was taken back before it ran, and what it alone decided. */
  forgetWithdrawn(): void {
    this.forget();
    this.#variant = this.#variantBefore;
  }
}
