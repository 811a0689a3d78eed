import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** By how much a heap may grow until the next full collection. */
const GROWTH_PERCENT = 40;

/**
 * Collects all garbage, at once, in some tens of milliseconds. To be called when a start has ended. V8 collects all when the
 * heap is so many times as large as what the last full collection has left, and takes a larger number the faster the heap
 * grows: a start makes it wait until minutes of work have left tens of megabytes of garbage. From the next one on it
 * decides itself again.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  collect();
  setFlagsFromString("--heap-growing-percent=0");
}
