import { join } from "node:path";
import { EmbeddedDriver } from "../../src/store/embedded/driver.js";
import { openEmbeddedStore } from "../../src/store/embedded/open-embedded-store.js";
import type { NewTask } from "../../src/store/task-intake.js";

/** What a store is filled with. */
export interface Seed {
  readonly count: number;
  readonly status: "pending" | "completed";
  readonly url?: string;
  readonly workflow?: string;
  /** @default none: stops early, with what fits. */
  readonly limitMs?: number;
}

/** Tasks per transaction: the log that one of them makes has to fit on the disk. */
const BATCH = 20_000;
const DAY_MS = 86_400_000;

/**
 * Fills an embedded store with copies of one task that really went the way to its status. They are
 * made within the database, past the service: a million one by one would take an hour.
 *
 * @returns the ids, oldest first.
 */
export async function seedStore(directory: string, seed: Seed): Promise<readonly string[]> {
  const model = await storeOne(directory, seed);
  using driver = EmbeddedDriver.open(join(directory, "store.sqlite"));
  // What is lost with a power cut can be made anew.
  driver.exec("PRAGMA synchronous = OFF");
  const deadline = performance.now() + (seed.limitMs ?? Number.POSITIVE_INFINITY);
  const baseMs = Date.now() - DAY_MS;
  let done = 1;
  while (done < seed.count && performance.now() < deadline) {
    const next = Math.min(BATCH, seed.count - done);
    driver.run(COPY, done, done + next - 1, baseMs, baseMs, baseMs, model);
    done += next;
  }
  return driver
    .all<{ task_id: string }>("SELECT task_id FROM tasks ORDER BY task_id LIMIT 20000")
    .map((row) => row.task_id);
}

/** Copies number ?1 to ?2 of a task, a millisecond apart, with ids of the form that the store gives. */
const COPY = `
INSERT INTO tasks (task_id, rev, epoch, status, priority, workflow, due_at, finished_at, document)
WITH RECURSIVE copies (n) AS (SELECT ? UNION ALL SELECT n + 1 FROM copies WHERE n < ?)
SELECT printf('%012x0000%s', ? + n, lower(hex(randomblob(8)))),
  rev, epoch, status, priority, workflow, ? + n,
  CASE WHEN finished_at IS NULL THEN NULL ELSE ? + n END, document
FROM copies, tasks WHERE tasks.task_id = ?`;

async function storeOne(directory: string, { status, url, workflow }: Seed): Promise<string> {
  await using store = await openEmbeddedStore({ directory });
  const request: NewTask = {
    params: { url: url ?? "https://example.com/a/picture/of/some/size.jpg", type: "image" },
    type: "image",
    workflow: workflow ?? "cpu_image_2x",
    workflowVersion: "bench",
    parameters: {},
    priority: 1,
  };
  const created = await store.create(request);
  if (created.outcome !== "created") throw new Error("The first task was not stored");
  if (status === "pending") return created.task.taskId;
  const lease = { owner: "bench", leaseMs: 60_000, maxBypassCount: 8, maxBypassMs: 1_000 };
  const task = await store.lease({ ...lease, workflows: [request.workflow], prefer: [] });
  if (task === undefined) throw new Error("The first task was not leased");
  const detail = "Stage complete";
  for (const name of ["download", "process", "upload"] as const)
    await store.updateStage(task, name, {
      status: "success",
      progress: 100,
      durationMs: 1,
      detail,
    });
  const outputs = [
    {
      key: `outputs/${task.taskId}/result.png`,
      ...{ sizeBytes: 1_234_567, mediaType: "image/png", fileName: "result.png" },
    },
  ];
  await store.settle(task, { kind: "completed", outputs });
  return task.taskId;
}
