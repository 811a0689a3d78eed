import { setImmediate, setTimeout as sleep } from "node:timers/promises";

/** How long one turn of a walk may keep the event loop to itself. */
const TURN_MS = 2;
/** The longest rest between two turns: a walk goes on however busy the loop is. */
const MAX_REST_MS = 20;

/**
 * Visits many items in turns of about 2 ms, resting after each for as long as it took, what it woke
 * included: whatever else is to be done gets at least half of the time.
 *
 * @throws what `visit` throws.
 */
export async function inTurns<T>(items: Iterable<T>, visit: (item: T) => void): Promise<void> {
  let startedAtMs = performance.now();
  let count = 0;
  let turnCount = 1;
  for (const item of items) {
    if (count >= turnCount) {
      await setImmediate();
      const tookMs = performance.now() - startedAtMs;
      await sleep(Math.min(tookMs, MAX_REST_MS));
      turnCount = tookMs < TURN_MS ? turnCount * 2 : Math.max(1, Math.floor(turnCount / 2));
      startedAtMs = performance.now();
      count = 0;
    }
    visit(item);
    count += 1;
  }
}

/** What is made of each item, see {@link inTurns}. */
export async function mapInTurns<T, V>(items: Iterable<T>, make: (item: T) => V): Promise<V[]> {
  const made: V[] = [];
  await inTurns(items, (item) => void made.push(make(item)));
  return made;
}
