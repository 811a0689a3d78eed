import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/**
 * Collects all garbage, at once, in some tens of milliseconds. To be called when a start has ended: V8 bounds its memory by
 * what the last full collection has left, but puts off the first one until minutes of work have left tens of megabytes of
 * garbage, so that the memory of a process would depend on how much it has done.
 */
export function collectGarbage(): void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  setFlagsFromString("--no-expose-gc");
  collect();
}
