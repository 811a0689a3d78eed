import { TaskError } from "../../domain/errors.js";

/** More pictures than two days of 60 a second are no film. */
const MAX_PACKETS = 12_000_000;
const FIRST_CAPACITY = 4096;

/** What is noted of a packet. */
export interface Row {
  /** When its frame is shown. */
  readonly ticks: number;
  readonly duration: number;
  readonly isKey: boolean;
  /** Whether a decoder gives a frame for it. */
  readonly isShown: boolean;
  /** Whether the film leaves its frame out. */
  readonly isLeftOut: boolean;
}

const [HIDDEN, LEFT_OUT] = [1, 2];

/** What is noted of the packets of a film, in the order of decoding; nine bytes for each. */
export class FilmRows {
  readonly keys: number[] = [];
  /** Of all durations; undefined: one of them is not stated. */
  durationSum: number | undefined = 0;
  /** Of the frame that is shown last. */
  lastDuration = 0;
  count = 0;
  #lastTicks = Number.NEGATIVE_INFINITY;
  #ticks = new Float64Array(FIRST_CAPACITY);
  #flags = new Uint8Array(FIRST_CAPACITY);

  /** @throws TaskError INPUT_TOO_LARGE. */
  add({ ticks, duration, isKey, isShown, isLeftOut }: Row): void {
    if (this.count >= MAX_PACKETS)
      throw new TaskError("INPUT_TOO_LARGE", "Cannot use input: the film has too many frames");
    if (this.count === this.#ticks.length) this.#grow();
    this.#ticks[this.count] = ticks;
    this.#flags[this.count] = (isShown ? 0 : HIDDEN) | (isLeftOut ? LEFT_OUT : 0);
    if (isKey) this.keys.push(this.count);
    this.count += 1;
    if (duration <= 0) this.durationSum = undefined;
    else if (this.durationSum !== undefined) this.durationSum += duration;
    if (!isShown || isLeftOut || ticks < this.#lastTicks) return;
    this.#lastTicks = ticks;
    this.lastDuration = duration;
  }

  get ticks(): Float64Array {
    return this.#ticks.slice(0, this.count);
  }

  isHidden(packet: number): boolean {
    return ((this.#flags[packet] ?? 0) & HIDDEN) !== 0;
  }

  isLeftOut(packet: number): boolean {
    return ((this.#flags[packet] ?? 0) & LEFT_OUT) !== 0;
  }

  #grow(): void {
    const [ticks, flags] = [this.#ticks, this.#flags];
    this.#ticks = new Float64Array(ticks.length * 2);
    this.#ticks.set(ticks);
    this.#flags = new Uint8Array(flags.length * 2);
    this.#flags.set(flags);
  }
}
