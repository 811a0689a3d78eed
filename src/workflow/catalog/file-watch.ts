import { type FSWatcher, watch } from "node:fs";

/** A file is written in several steps; its last change is read, not the first. */
const SETTLE_MS = 100;

/** Tells that files in some directories changed, came or went, a moment after the last change. */
export class FileWatch implements Disposable {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #onChange: () => void;
  readonly #onError: (error: unknown) => void;
  #timer: NodeJS.Timeout | undefined;

  /** @param onError told when a directory cannot be followed: the files as they are can be used all the same */
  constructor(onChange: () => void, onError: (error: unknown) => void) {
    this.#onChange = onChange;
    this.#onError = onError;
  }

  /** Follows a directory from now on; one that is followed already is left as it is. */
  follow(directory: string): void {
    if (this.#watchers.has(directory)) return;
    try {
      const watcher = watch(directory, () => {
        clearTimeout(this.#timer);
        this.#timer = setTimeout(this.#onChange, SETTLE_MS).unref();
      });
      this.#watchers.set(directory, watcher.on("error", this.#onError).unref());
    } catch (error) {
      // The system may have no watches left.
      this.#onError(error);
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close();
    this.#watchers.clear();
    clearTimeout(this.#timer);
  }
}
