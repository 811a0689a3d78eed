import { setFlagsFromString } from "node:v8";

/**
 * By how much the heap may grow until all garbage is collected, which takes 5 ms. More than for a service: each
 * picture leaves much garbage.
 */
const GROWTH_PERCENT = 200;

/** To be called with the first prompt: code that was compiled at the build is only taken before the flags change. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
