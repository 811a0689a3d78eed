import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isTerminal, type TaskStatus } from "../../src/domain/task.js";
import type { Fence, Outcome, WriteResult } from "../../src/store/task-queue.js";
import type { TaskCounts } from "../../src/store/task-reading.js";
import { heldSlots } from "../support/held-slots.js";
import {
  aDispatch,
  aLease,
  aRetry,
  aTask,
  BRIEF_MS,
  COMPLETED,
  FAILED,
  SHORT_MS,
} from "../support/task-store-builders.js";
import type { OpenStore, StoreFixture } from "./task-store.contract.js";

/** Random histories, each answer compared with that of a model of a few lines. */
export function describeModel(open: OpenStore, runCount: number): void {
  const seed = Number(process.env["TMLSR_TEST_SEED"] ?? Math.floor(Math.random() * 2 ** 31));

  describe("any history", () => {
    test(`goes as the model says (TMLSR_TEST_SEED=${seed})`, { timeout: 300_000 }, async () => {
      await fc.assert(
        fc.asyncProperty(fc.array(anyStep, { minLength: 5, maxLength: 80 }), async (steps) => {
          await using fixture = await open();
          const history = new History(fixture);
          for (const step of steps) await history.take(step);
          await history.compareAll();
        }),
        { seed, numRuns: runCount },
      );
    });
  });
}

const target = { n: fc.nat(9), isStale: fc.integer({ max: 9, min: 0 }).map((n) => n === 0) };
const outcomes: Record<string, Outcome> = {
  completed: COMPLETED,
  failed: FAILED,
  attempt: aRetry(),
  takeover: aRetry({ spends: "takeover", dropDispatch: true }),
  kept: aRetry({ spends: "nothing", keepSlot: true }),
  handedBack: { kind: "handed_back" },
};

const anyStep = fc.oneof(
  fc.record({
    kind: fc.constant("create" as const),
    priority: fc.nat(2),
    workflow: fc.constantFrom("a", "b"),
  }),
  fc.record({ kind: fc.constant("lease" as const), workflows: fc.subarray(["a", "b"]) }),
  fc.record({ kind: fc.constant("takeOver" as const) }),
  fc.record({ kind: fc.constant("expire" as const) }),
  fc.record({ kind: fc.constant("heartbeat" as const), ...target }),
  fc.record({ kind: fc.constant("bind" as const), slot: fc.constantFrom("x#0", "y#0"), ...target }),
  fc.record({ kind: fc.constant("release" as const), ...target }),
  fc.record({
    kind: fc.constant("dispatch" as const),
    phase: fc.constantFrom("intent" as const, "sent" as const, "done" as const),
    ...target,
  }),
  fc.record({
    kind: fc.constant("settle" as const),
    as: fc.constantFrom(...Object.keys(outcomes)),
    ...target,
  }),
  fc.record({ kind: fc.constant("cancel" as const), ...target }),
  fc.record({ kind: fc.constant("finishCleanup" as const), ...target }),
);
type Step = typeof anyStep extends fc.Arbitrary<infer T> ? T : never;

/** What the model knows of a task. */
interface Known {
  readonly taskId: string;
  readonly priority: number;
  readonly workflow: string;
  status: TaskStatus;
  epoch: number;
  attempt: number;
  takeovers: number;
  lease: "live" | "expired" | undefined;
  slot: string | undefined;
  phase: "intent" | "sent" | "done" | undefined;
  cleanupPending: boolean;
}

class History {
  readonly #fixture: StoreFixture;
  readonly #tasks: Known[] = [];

  constructor(fixture: StoreFixture) {
    this.#fixture = fixture;
  }

  async take(step: Step): Promise<void> {
    if (step.kind === "create") return await this.#create(step);
    if (step.kind === "lease") return await this.#lease(step.workflows);
    if (step.kind === "takeOver") return await this.#takeOver();
    if (step.kind === "expire") return await this.#expire();
    const task = this.#tasks[step.n % Math.max(1, this.#tasks.length)];
    if (task) await this.#write(step, task);
  }

  async compareAll(): Promise<void> {
    const { store } = this.#fixture;
    const counts = { pending: 0, processing: 0, completed: 0, failed: 0, canceled: 0 };
    for (const known of this.#tasks) {
      counts[known.status] += 1;
      const task = await store.get(known.taskId);
      expect(task).toMatchObject({
        ...{ status: known.status, epoch: known.epoch, attempt: known.attempt },
        takeovers: known.takeovers,
      });
      expect(task?.slot).toBe(known.slot);
      expect(task?.dispatch?.phase).toBe(known.phase);
      expect(task?.lease !== undefined).toBe(known.lease !== undefined);
      expect(task?.cleanupPending ?? false).toBe(known.cleanupPending);
    }
    expect(await store.counts()).toEqual(counts satisfies TaskCounts);
    const held = this.#tasks.flatMap(({ slot, taskId }) => (slot ? [{ slot, taskId }] : []));
    const bySlot = (a: { slot: string }, b: { slot: string }) => (a.slot < b.slot ? -1 : 1);
    expect((await heldSlots(store)).toSorted(bySlot)).toEqual(held.toSorted(bySlot));
  }

  async #create({ priority, workflow }: { priority: number; workflow: string }): Promise<void> {
    const result = await this.#fixture.store.create(aTask({ priority, workflow }));
    if (result.outcome !== "created") throw new Error(result.outcome);
    this.#tasks.push({
      ...{ taskId: result.task.taskId, priority, workflow, status: "pending", epoch: 0 },
      ...{ attempt: 1, takeovers: 0, lease: undefined, slot: undefined, phase: undefined },
      cleanupPending: false,
    });
  }

  async #lease(workflows: readonly string[]): Promise<void> {
    const pending = this.#tasks.filter(({ status }) => status === "pending");
    const keepers = pending.filter(({ slot }) => slot !== undefined);
    const runnable = pending.filter(({ workflow }) => workflows.includes(workflow));
    // The sort is stable, and all keep the place in which they were created.
    const [next] = (keepers.length > 0 ? keepers : runnable).toSorted(
      (a, b) => b.priority - a.priority,
    );
    const leased = await this.#fixture.rival.lease(aLease({ workflows, leaseMs: BRIEF_MS }));
    expect(leased?.taskId).toBe(next?.taskId);
    if (next) Object.assign(next, { status: "processing", epoch: next.epoch + 1, lease: "live" });
  }

  async #takeOver(): Promise<void> {
    const isFree = ({ lease, cleanupPending }: Known) =>
      lease === "expired" || (cleanupPending && !lease);
    const free = this.#tasks.filter(isFree);
    const taken = await this.#fixture.rival.leaseOrphan("replica-2", BRIEF_MS);
    if (taken === undefined) return expect(free).toEqual([]);
    // Where time runs by itself, a lease may have expired without our saying so.
    const mayBe = this.#fixture.isClockSteady
      ? free
      : this.#tasks.filter((t) => isFree(t) || t.lease);
    expect(mayBe.map(({ taskId }) => taskId)).toContain(taken.taskId);
    const known = this.#tasks.find(({ taskId }) => taskId === taken.taskId);
    if (known) Object.assign(known, { epoch: known.epoch + 1, lease: "live" });
  }

  async #expire(): Promise<void> {
    await this.#fixture.advance(SHORT_MS);
    for (const task of this.#tasks) if (task.lease) task.lease = "expired";
  }

  async #write(step: Extract<Step, { n: number }>, task: Known): Promise<void> {
    const { store } = this.#fixture;
    const fence: Fence = { taskId: task.taskId, epoch: task.epoch - (step.isStale ? 1 : 0) };
    const standing = step.isStale ? "lost" : standingOf(task.status);
    switch (step.kind) {
      case "heartbeat":
        return await this.#heartbeat(fence, standing, task);
      case "bind":
        return await this.#bind(fence, standing, task, step.slot);
      case "release":
        expect(await store.releaseSlot(fence)).toBe(standing);
        if (standing === "ok") task.slot = undefined;
        return;
      case "dispatch":
        expect(await store.recordDispatch(fence, aDispatch(step.phase))).toBe(standing);
        if (standing === "ok") task.phase = step.phase;
        return;
      case "settle":
        expect(await store.settle(fence, outcomes[step.as] ?? COMPLETED)).toBe(standing);
        if (standing === "ok") settle(task, step.as);
        return;
      case "cancel":
        return await this.#cancel(task);
      case "finishCleanup":
        return await this.#finishCleanup(fence, standing, task);
    }
  }

  async #heartbeat(fence: Fence, standing: WriteResult, task: Known): Promise<void> {
    const beat = await this.#fixture.store.heartbeat("replica-1", BRIEF_MS, [fence]);
    const isLost = standing === "lost" || standing === "terminal";
    expect(beat).toEqual({
      lost: isLost ? [fence] : [],
      canceled: standing === "canceled" ? [fence] : [],
    });
    if (!isLost && task.lease) task.lease = "live";
  }

  async #bind(fence: Fence, standing: WriteResult, task: Known, slot: string): Promise<void> {
    const isTaken = this.#tasks.some((other) => other !== task && other.slot === slot);
    const answer = standing === "ok" && isTaken ? "busy" : standing;
    expect(await this.#fixture.store.bindSlot(fence, slot)).toBe(answer);
    if (answer === "ok") task.slot = slot;
  }

  async #cancel(task: Known): Promise<void> {
    const answer = await this.#fixture.rival.cancel(task.taskId);
    if (task.status === "canceled") return expect(answer).toBe("already_canceled");
    if (isTerminal(task.status)) return expect(answer).toBe("terminal");
    expect(answer).toBe("canceled");
    task.status = "canceled";
    task.cleanupPending = !!task.slot || task.phase === "intent" || task.phase === "sent";
    if (!task.cleanupPending) free(task);
  }

  async #finishCleanup(fence: Fence, standing: WriteResult, task: Known): Promise<void> {
    const isHeld = task.lease !== undefined || !task.cleanupPending;
    const answers = {
      ok: "lost",
      canceled: isHeld ? "ok" : "lost",
      lost: "lost",
      terminal: "terminal",
    };
    expect(await this.#fixture.store.finishCleanup(fence)).toBe(answers[standing]);
    if (standing === "canceled" && isHeld) free(task);
  }
}

function standingOf(status: TaskStatus): WriteResult {
  if (status === "processing") return "ok";
  if (status === "pending") return "lost";
  return status === "canceled" ? "canceled" : "terminal";
}

function settle(task: Known, as: string): void {
  if (as === "completed" || as === "failed") {
    free(task);
    task.status = as;
    return;
  }
  task.status = "pending";
  task.lease = undefined;
  if (as === "attempt") task.attempt += 1;
  if (as === "takeover") Object.assign(task, { takeovers: task.takeovers + 1, phase: undefined });
  if (as === "attempt" || as === "takeover") task.slot = undefined;
}

function free(task: Known): void {
  Object.assign(task, {
    lease: undefined,
    slot: undefined,
    phase: undefined,
    cleanupPending: false,
  });
}
