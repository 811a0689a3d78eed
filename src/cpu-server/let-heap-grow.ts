import { setFlagsFromString } from "node:v8";

/**
 * By how much the heap may grow until all garbage is collected, which takes 5 ms. V8 itself takes 300 for a process that is
 * busy, but 10 for one that mostly waits: then it collects all after every third picture.
 */
const GROWTH_PERCENT = 200;

/** To be called with the first prompt: code that was compiled at the build is only taken before the flags change. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
