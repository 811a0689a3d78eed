import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * By how much the heap may grow until the next full collection. V8 itself takes several times as much for a process that
 * is busy, but a tenth for one that mostly waits: then full collections take a third of its processor time.
 */
const GROWTH_PERCENT = 60;

/**
 * Collects all garbage, at once, in some tens of milliseconds, and sets how far the heap may grow from then on. To be
 * called when a start has ended: a start lets V8 wait until minutes of work have left tens of megabytes of garbage.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
  collect();
}
