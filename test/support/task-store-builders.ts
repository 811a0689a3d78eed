import type { MemoryFailure, OutputFile, Stage, Task } from "../../src/domain/task.js";
import type { NewTask, TaskIntake } from "../../src/store/task-intake.js";
import type { Fence, LeaseRequest, Outcome, TaskQueue } from "../../src/store/task-queue.js";
import type { TaskReading } from "../../src/store/task-reading.js";

/** A lease that does not expire during a test. */
export const LONG_LEASE_MS = 60_000;
/** A lease, pause or retention that has ended after {@link SHORT_MS}. */
export const BRIEF_MS = 100;
/** How long to wait until {@link BRIEF_MS} has certainly passed. */
export const SHORT_MS = 150;
/** Longer than a few writes take, even if the database is slow. */
export const AMPLE_MS = 2_000;

export function aTask(overrides: Partial<NewTask> = {}): NewTask {
  return {
    params: { url: "https://example.com/image.jpg" },
    type: "image",
    workflow: "small",
    workflowVersion: "v1",
    parameters: {},
    priority: 1,
    ...overrides,
  };
}

export function aLease(overrides: Partial<LeaseRequest> = {}): LeaseRequest {
  return {
    owner: "replica-1",
    leaseMs: LONG_LEASE_MS,
    workflows: ["small"],
    prefer: [],
    maxBypassCount: 8,
    maxBypassMs: LONG_LEASE_MS,
    ...overrides,
  };
}

export function aRetry(overrides: Partial<Outcome & { kind: "retry" }> = {}): Outcome {
  return {
    kind: "retry",
    reason: "INPUT_UNREACHABLE",
    delayMs: 0,
    spends: "attempt",
    dropDispatch: false,
    keepSlot: false,
    ...overrides,
  };
}

export const COMPLETED: Outcome = {
  kind: "completed",
  outputs: [{ key: "outputs/a.png", sizeBytes: 5, mediaType: "image/png", fileName: "a.png" }],
};

export const FAILED: Outcome = {
  kind: "failed",
  error: { code: "INPUT_DAMAGED", message: "Cannot read the input" },
};

const OUTPUT_FILE: OutputFile = { filename: "a.png", subfolder: "", type: "output" };

export function aDispatch(phase: "intent" | "sent" | "done", promptId = "prompt-1") {
  const outputs = phase === "done" ? { outputs: [OUTPUT_FILE] } : {};
  return { server: "gpu-1", promptId, phase, filenamePrefix: "tmlsr/a", ...outputs };
}

export function aMemoryFailure(overrides: Partial<MemoryFailure> = {}): MemoryFailure {
  return { promptId: "prompt-1", server: "gpu-1", memory: { deviceBytes: 24 }, ...overrides };
}

export function aStage(overrides: Partial<Stage> = {}): Stage {
  return { status: "running", progress: 0, durationMs: 0, detail: "", ...overrides };
}

export function fenceOf({ taskId, epoch }: Task): Fence {
  return { taskId, epoch };
}

export async function createOne(store: TaskIntake, overrides?: Partial<NewTask>): Promise<Task> {
  const result = await store.create(aTask(overrides));
  if (result.outcome !== "created") throw new Error(`Not created: ${result.outcome}`);
  return result.task;
}

/** Creates so many tasks, one after the other. */
export async function createMany(store: TaskIntake, count: number): Promise<Task[]> {
  const tasks: Task[] = [];
  for (let i = 0; i < count; i++) tasks.push(await createOne(store));
  return tasks;
}

/** Creates a task and leases it; there must be no other. */
export async function leaseOne(
  store: TaskIntake & TaskQueue,
  overrides?: Partial<LeaseRequest>,
): Promise<{ readonly task: Task; readonly fence: Fence }> {
  const { taskId } = await createOne(store);
  const task = await store.lease(aLease(overrides));
  if (task?.taskId !== taskId) throw new Error("Leased another task or none");
  return { task, fence: fenceOf(task) };
}

/** The stored task. Fails if it does not exist. */
export async function readTask(store: TaskReading, taskId: string): Promise<Task> {
  const task = await store.get(taskId);
  if (!task) throw new Error(`Task ${taskId} is not stored`);
  return task;
}

/** Takes over the only task whose lease has expired. */
export async function takeOverOne(store: TaskQueue): Promise<Task> {
  const task = await store.leaseOrphan("replica-2", LONG_LEASE_MS);
  if (!task) throw new Error("Nothing to take over");
  return task;
}
