import type { Task } from "../../domain/task.js";

/**
 * A task as it was leased, without the fields that change while it is held: those are asked of
 * its `HeldTask`.
 */
export type LeasedTask = Omit<
  Task,
  | "input"
  | "dispatch"
  | "slot"
  | "uploadCheckpoint"
  | "takeovers"
  | "memoryFailures"
  | "variant"
  | "lease"
  | "cleanupPending"
>;
