import { setFlagsFromString } from "node:v8";

/**
 * By how much the heap may grow until all garbage is collected, which takes 5 ms. By as little as a service's it would be
 * collected with every tenth picture or so.
 */
const GROWTH_PERCENT = 200;

/** To be called with the first prompt: code that was compiled at the build is only taken before the flags change. */
export function letHeapGrow(): void {
  setFlagsFromString(`--heap-growing-percent=${GROWTH_PERCENT}`);
}
