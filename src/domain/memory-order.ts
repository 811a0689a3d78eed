import type { MemoryFailure, ServerMemory } from "./task.js";

/** How a task's next prompt is run. */
export interface MemoryProfile {
  /** Its server drops models and cached results before. */
  readonly isFreed: boolean;
  /** With the workflow's low-memory profile. */
  readonly lowMemory: boolean;
}

/** Servers of one kind say a little less or more; so much more memory is another kind. */
const MORE_RATIO = 1.1;

/**
 * The order in which a task whose prompts run out of memory is tried: as it is; as it is on a freed
 * server; with the workflow's low-memory profile, where it has one; then, with that too, on servers
 * with more memory ({@link needsMoreMemory}).
 */
export function memoryProfile(
  failures: readonly MemoryFailure[],
  hasLowMemory: boolean,
): MemoryProfile {
  return { isFreed: failures.length > 0, lowMemory: failures.length > 1 && hasLowMemory };
}

/** Whether nothing is left to try on the servers that the task ran on, or on others like them. */
export function needsMoreMemory(
  failures: readonly MemoryFailure[],
  hasLowMemory: boolean,
): boolean {
  return failures.length > 1 && (!hasLowMemory || failures.some(({ lowMemory }) => lowMemory));
}

/** Whether a server has more memory than each of those that the task failed on is known to have. */
export function hasMoreMemory(
  memory: ServerMemory | undefined,
  failures: readonly MemoryFailure[],
): boolean {
  return failures.every(
    (failure) =>
      memory !== undefined && failure.memory !== undefined && isMore(memory, failure.memory),
  );
}

/** What was tried after the first failure, for a message: "after the server was freed and ...". */
export function describeTried(failures: readonly MemoryFailure[]): string {
  const firstLow = failures.findIndex(({ lowMemory }) => lowMemory);
  const tried = failures.map(({ server }, index) => {
    if (index === 1) return "after the server was freed";
    if (index === firstLow) return "with the workflow's low-memory profile";
    return `on server "${server}", which has more memory`;
  });
  return new Intl.ListFormat("en").format(tried.slice(1));
}

/** Of two devices that are alike, the one in the machine with more memory has more. */
function isMore(a: ServerMemory, b: ServerMemory): boolean {
  if (a.deviceBytes > b.deviceBytes * MORE_RATIO) return true;
  if (a.deviceBytes * MORE_RATIO < b.deviceBytes) return false;
  const { machineBytes = 0 } = a;
  return b.machineBytes !== undefined && machineBytes > b.machineBytes * MORE_RATIO;
}
