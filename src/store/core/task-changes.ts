import { isDeepStrictEqual } from "node:util";
import {
  type Dispatch,
  isTerminal,
  MAX_NOTE_LENGTH,
  MAX_NOTES,
  type MemoryFailure,
  mayBecome,
  type StageStatus,
  type Task,
} from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { NewTask } from "../task-intake.js";
import type { Outcome } from "../task-queue.js";
import {
  closeAttempt,
  openAttempt,
  placeAttempt,
  resumeAttempt,
  unplaceAttempt,
} from "./attempts.js";
import { endCutting, endFilm } from "./film-changes.js";
import { endRunningStage } from "./task-progress.js";
import { without } from "./without.js";

/** A task as it is first stored. */
export function createTask(request: NewTask, taskId: string, now: Date): Task {
  const { idempotency, notBefore, ...asked } = request;
  return {
    ...asked,
    taskId,
    rev: 1,
    epoch: 0,
    status: "pending",
    ...(idempotency && { idempotencyKey: idempotency.key }),
    ...(notBefore && { notBefore }),
    createdAt: now,
    updatedAt: now,
    // A time long past must not let a task pass those that wait.
    dueAt: notBefore && notBefore > now ? notBefore : now,
    attempt: 1,
    takeovers: 0,
    attempts: [],
    bypassCount: 0,
    stages: {},
    progress: 0,
  };
}

/** A pending task after a process has leased it. */
export function beginLease(task: Task, owner: string, leaseMs: number, now: Date): Task {
  return {
    ...task,
    status: "processing",
    epoch: task.epoch + 1,
    lease: { owner, expiresAt: after(now, leaseMs) },
    attempts: openAttempt(task, now),
  };
}

/**
 * A task after a process has taken it over from a dead holder, or without one: to clean up after it, or
 * to join a film.
 */
export function takeOver(task: Task, owner: string, leaseMs: number, now: Date): Task {
  const taken = {
    ...task,
    epoch: task.epoch + 1,
    lease: { owner, expiresAt: after(now, leaseMs) },
  };
  if (isTerminal(task.status)) return taken;
  if (task.lease === undefined) return { ...taken, attempts: resumeAttempt(task, now) };
  const attempts = closeAttempt(task.attempts, "lease_expired", now);
  return {
    ...taken,
    takeovers: task.takeovers + (mayHaveFelledHolder(task) ? 1 : 0),
    attempts: openAttempt({ ...task, attempts }, now),
  };
}

/** A task after it got a slot; its running attempt is on that slot's server. */
export function holdSlot(task: Task, slot: string): Task {
  return { ...task, slot, attempts: placeAttempt(task.attempts, slot) };
}

/** A task that gives its slot back to which no prompt was sent. */
export function leaveUnused(task: Task): Task {
  const left = without(task, "slot");
  const kept = task.dispatch?.phase === "intent" ? without(left, "dispatch") : left;
  return { ...kept, attempts: unplaceAttempt(task.attempts) };
}

/** A task whose prompt is where the dispatch says. Once a server took the prompt, its variant is the task's. */
export function setDispatch(task: Task, dispatch: Omit<Dispatch, "at">, now: Date): Task {
  const { variant, phase } = dispatch;
  const isTaken = variant !== undefined && phase !== "intent";
  return { ...task, dispatch: { ...dispatch, at: now }, ...(isTaken && { variant }) };
}

/** A task one of whose prompts ran out of memory; the same prompt counts once. */
export function addMemoryFailure(task: Task, failure: MemoryFailure): Task {
  const known = task.memoryFailures ?? [];
  if (known.some(({ promptId }) => promptId === failure.promptId)) return task;
  return { ...task, memoryFailures: [...known, failure] };
}

/** A task with notes of what was done to it. One that it has already, as after a retry, is not added again. */
export function addNotes(task: Task, added: readonly string[]): Task {
  const cut = added.map((note) => note.slice(0, MAX_NOTE_LENGTH));
  const notes = [...new Set([...(task.notes ?? []), ...cut])].slice(0, MAX_NOTES);
  return { ...task, notes };
}

/**
 * A task after a client's cancel. If a server may still run its prompt, or its upload is unfinished,
 * it keeps slot, dispatch, lease and checkpoint for the cleanup.
 */
export function cancelTask(task: Task, now: Date): Task {
  const ended: Task = {
    ...without(endAttempt(task, "canceled", now, "canceled"), ...OF_RUNS),
    status: "canceled",
    finishedAt: now,
  };
  if (task.film !== undefined) return endFilm(ended);
  const isPromptLive = task.dispatch !== undefined && task.dispatch.phase !== "done";
  const isUploadBegun = task.uploadCheckpoint !== undefined;
  if (isPromptLive || isUploadBegun || task.slot !== undefined)
    return { ...ended, cleanupPending: true };
  return endCleanup(ended);
}

/** An ended task after its cleanup: no server and no storage has anything unfinished of it. */
export function endCleanup(task: Task): Task {
  return without(task, "cleanupPending", "lease", "slot", "dispatch", "uploadCheckpoint");
}

/** A task after its holder has ended the lease. */
export function settleTask(task: Task, outcome: Outcome, now: Date): Task {
  switch (outcome.kind) {
    case "completed": {
      const ended = endForGood(task, "completed", now, "success");
      return { ...ended, status: "completed", progress: 100, outputs: outcome.outputs };
    }
    case "failed": {
      const ended = endForGood(task, outcome.error.code, now, "failed");
      return { ...ended, status: "failed", error: outcome.error };
    }
    case "retry":
      return putBack(task, outcome, now);
    case "handed_back":
      return {
        ...without(endAttempt(task, "handed_back", now), "lease"),
        status: statusOfWaiting(task),
      };
    case "cut":
      return endCutting(task, now);
  }
}

/**
 * The task to store. It gets the next revision if a client can see a difference.
 *
 * @throws Error if the status may not change like that, which is a bug.
 */
export function revise(before: Task, next: Task, now: Date): Task {
  if (before.status !== next.status && !mayBecome(before.status, next.status)) {
    throw new Error(`Task "${before.taskId}" cannot go from ${before.status} to ${next.status}`);
  }
  return isVisiblyDifferent(before, next) ? { ...next, rev: before.rev + 1, updatedAt: now } : next;
}

const INVISIBLE: ReadonlySet<string> = new Set<keyof Task>([
  "rev",
  "updatedAt",
  "epoch",
  "dueAt",
  "takeovers",
  "bypassCount",
  "firstBypassedAt",
  "lease",
  "slot",
  "dispatch",
  "memoryFailures",
  "unclearFailure",
  "cleanupPending",
  "uploadCheckpoint",
]);

/** What decides about the task's next run; of no use once it has ended. */
const OF_RUNS = ["memoryFailures", "unclearFailure"] as const;

function isVisiblyDifferent(before: Task, next: Task): boolean {
  return (Object.keys({ ...before, ...next }) as (keyof Task)[]).some(
    (field) => !INVISIBLE.has(field) && !isDeepStrictEqual(before[field], next[field]),
  );
}

/** Whether a task may have felled its holder: not while it waited, or a server ran its prompt. */
function mayHaveFelledHolder({ stages, film }: Task): boolean {
  const isAtWork = [stages.download, stages.upload].some((stage) => stage?.status === "running");
  return isAtWork || film?.phase === "cut";
}

/** A film that is to be joined needs no turn of a server: it waits as it did before it was taken over. */
function statusOfWaiting({ film }: Task): "pending" | "processing" {
  return film?.phase === "join" ? "processing" : "pending";
}

function putBack(task: Task, outcome: Outcome & { kind: "retry" }, now: Date): Task {
  let freed = without(endAttempt(task, outcome.reason, now, "failed"), "lease");
  if (!outcome.keepSlot) freed = without(freed, "slot");
  // A new prompt makes a new result: the unfinished upload of the old one is of no use.
  if (outcome.dropDispatch) freed = without(freed, "dispatch", "uploadCheckpoint");
  return {
    ...freed,
    ...defined({ unclearFailure: outcome.unclearFailure ?? task.unclearFailure }),
    status: statusOfWaiting(task),
    dueAt: outcome.delayMs > 0 ? after(now, outcome.delayMs) : task.dueAt,
    attempt: task.attempt + (outcome.spends === "attempt" ? 1 : 0),
    takeovers: task.takeovers + (outcome.spends === "takeover" ? 1 : 0),
    progress: outcome.spends === "attempt" && !task.film ? 0 : task.progress,
  };
}

function endForGood(task: Task, reason: string, now: Date, stage: StageStatus): Task {
  const ended = endAttempt(task, reason, now, stage);
  const left = without(ended, "lease", "slot", "dispatch", "uploadCheckpoint", ...OF_RUNS);
  return endFilm({ ...left, finishedAt: now });
}

function endAttempt(task: Task, reason: string, now: Date, stage?: StageStatus): Task {
  return {
    ...without(task, "runningNode"),
    attempts: closeAttempt(task.attempts, reason, now),
    stages: stage ? endRunningStage(task.stages, stage) : task.stages,
  };
}

function after(now: Date, ms: number): Date {
  return new Date(now.getTime() + ms);
}
