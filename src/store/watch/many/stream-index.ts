import type { Label } from "../../../domain/task.js";
import type { FollowedTask } from "../../task-following.js";
import type { WatchStream } from "./stream.js";

/** Finds the streams that a change may be for, without asking each of thousands. */
export class StreamIndex {
  readonly #byId = new Map<string, Set<WatchStream>>();
  readonly #byLabel = new Map<string, Set<WatchStream>>();
  readonly #others = new Set<WatchStream>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(stream: WatchStream): void {
    this.#size += 1;
    for (const set of this.#setsOf(stream)) set.add(stream);
  }

  delete(stream: WatchStream): void {
    this.#size -= 1;
    for (const set of this.#setsOf(stream)) set.delete(stream);
    for (const map of [this.#byId, this.#byLabel])
      for (const key of keysOf(stream, map === this.#byId))
        if (map.get(key)?.size === 0) map.delete(key);
  }

  *[Symbol.iterator](): Generator<WatchStream> {
    const indexed = [...this.#byId.values(), ...this.#byLabel.values()].flatMap((set) => [...set]);
    yield* new Set([...indexed, ...this.#others]);
  }

  /** Each stream that may be about the task; once, since a stream is in one of the three. */
  *of({ taskId, labels = {} }: FollowedTask): Generator<WatchStream> {
    yield* this.#byId.get(taskId) ?? [];
    for (const label of Object.entries(labels)) yield* this.#byLabel.get(textOf(label)) ?? [];
    yield* this.#others;
  }

  #setsOf(stream: WatchStream): Set<WatchStream>[] {
    const { ids, labels } = stream.watched;
    if (ids) return keysOf(stream, true).map((key) => getOrAdd(this.#byId, key));
    if (labels?.length) return keysOf(stream, false).map((key) => getOrAdd(this.#byLabel, key));
    return [this.#others];
  }
}

function keysOf({ watched: { ids, labels } }: WatchStream, byId: boolean): readonly string[] {
  if (byId) return [...(ids ?? [])];
  const [first] = labels ?? [];
  return ids || !first ? [] : [textOf(first)];
}

function textOf([key, value]: Label): string {
  return `${key}:${value}`;
}

function getOrAdd(map: Map<string, Set<WatchStream>>, key: string): Set<WatchStream> {
  const set = map.get(key) ?? new Set();
  map.set(key, set);
  return set;
}
