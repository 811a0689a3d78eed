import { type ReadonlySignal, signal } from "@preact/signals";

/** Farther apart than this, the follower jumps; nearer, it runs a little faster or slower. */
const JUMP_SECONDS = 0.2;
const SAME_SECONDS = 0.015;

/**
 * Two films with one control. The leader's clock is the clock of both: the follower is kept in step
 * while they play, and set to the same time where they stand. The follower may be missing.
 */
export class FilmPair {
  readonly #position = signal(0);
  readonly #length = signal(0);
  readonly #isPlaying = signal(false);
  #leader: HTMLVideoElement | undefined;
  #follower: HTMLVideoElement | undefined;

  /** Seconds. */
  get position(): ReadonlySignal<number> {
    return this.#position;
  }

  /** Seconds; 0 before it is known. */
  get length(): ReadonlySignal<number> {
    return this.#length;
  }

  get isPlaying(): ReadonlySignal<boolean> {
    return this.#isPlaying;
  }

  /** Takes the leader; `undefined` when it is gone. */
  setLeader(film: HTMLVideoElement | undefined): void {
    this.#leader = film;
  }

  setFollower(film: HTMLVideoElement | undefined): void {
    this.#follower = film;
    if (film === undefined) return;
    film.muted = true;
    film.currentTime = this.#leader?.currentTime ?? 0;
  }

  /** Keeps both in step until the signal is aborted: once a frame. */
  follow(signal: AbortSignal): void {
    const step = (): void => {
      if (signal.aborted) return;
      this.#keepInStep();
      requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
  }

  toggle(): void {
    if (this.#isPlaying.peek()) this.pause();
    else this.play();
  }

  play(): void {
    if (this.#leader?.ended) this.seek(0);
    // A film that a browser does not let play stays where it is; its button says so.
    for (const film of this.#both()) film.play().catch(() => this.pause());
  }

  pause(): void {
    for (const film of this.#both()) film.pause();
    this.#setFollowerTime();
  }

  /** @param seconds From the beginning. */
  seek(seconds: number): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    leader.currentTime = Math.min(Math.max(0, seconds), this.#length.peek());
    this.#setFollowerTime();
  }

  #keepInStep(): void {
    const leader = this.#leader;
    if (leader === undefined) return;
    this.#position.value = leader.currentTime;
    this.#length.value = Number.isFinite(leader.duration) ? leader.duration : 0;
    this.#isPlaying.value = !(leader.paused || leader.ended);
    const follower = this.#follower;
    if (follower === undefined || follower.seeking || leader.seeking) return;
    const aheadSeconds = follower.currentTime - leader.currentTime;
    if (this.#isPlaying.peek()) this.#runBeside(follower, aheadSeconds);
    else this.#standBeside(follower, aheadSeconds);
  }

  #runBeside(follower: HTMLVideoElement, aheadSeconds: number): void {
    if (follower.paused && !follower.ended) follower.play().catch(() => this.pause());
    if (Math.abs(aheadSeconds) > JUMP_SECONDS) this.#setFollowerTime();
    follower.playbackRate = rateFor(aheadSeconds);
  }

  #standBeside(follower: HTMLVideoElement, aheadSeconds: number): void {
    if (!follower.paused) follower.pause();
    if (Math.abs(aheadSeconds) > SAME_SECONDS) this.#setFollowerTime();
  }

  #setFollowerTime(): void {
    const { currentTime = 0 } = this.#leader ?? {};
    const follower = this.#follower;
    if (follower === undefined) return;
    const most = Number.isFinite(follower.duration) ? follower.duration : currentTime;
    const target = Math.min(currentTime, most);
    if (Math.abs(follower.currentTime - target) > 0.001) follower.currentTime = target;
  }

  #both(): readonly HTMLVideoElement[] {
    return [this.#leader, this.#follower].filter((film) => film !== undefined);
  }
}

function rateFor(aheadSeconds: number): number {
  if (Math.abs(aheadSeconds) < SAME_SECONDS) return 1;
  return aheadSeconds > 0 ? 0.95 : 1.05;
}
