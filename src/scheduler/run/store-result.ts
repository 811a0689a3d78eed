import { setTimeout as sleep } from "node:timers/promises";
import { backoffMs } from "../../lib/backoff.js";
import type { ReadyInput } from "../../pipeline/download-stage.js";
import { isStorageFault } from "../../pipeline/film/patiently.js";
import { type ResultRoad, uploadStage } from "../../pipeline/upload-stage.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import { resultRoad } from "./result-road.js";
import type { RunContext, RunState } from "./run-context.js";

/** After so long the task is put back: another process may have better luck. */
const KEEP_MS = 600_000;
const KEEP_PAUSE_MAX_MS = 60_000;

/**
 * Stores the result of a task whose prompt has ended, and settles the task. When the storage fails,
 * storing is tried again and again for a while. Meanwhile the task counts as backlog, so that no
 * more results are made than there is room for.
 */
export async function storeResult(
  run: RunState,
  workDir: WorkDir,
  input: () => Promise<ReadyInput>,
  context: RunContext,
): Promise<void> {
  const { limits, logger } = context;
  const { heldTask } = run;
  const road = resultRoad(run, workDir, input, context);
  const untilMs = performance.now() + Math.min(KEEP_MS, limits.uploadRetryMs);
  for (let tries = 1; ; tries += 1) {
    run.phase = "upload";
    try {
      return await storeOnce(run, workDir, road, context);
    } catch (error) {
      if (!isStorageFault(error) || performance.now() >= untilMs) throw error;
      logger.warn({ taskId: heldTask.taskId, tries, err: error }, "result not stored yet");
    }
    run.phase = "kept";
    await heldTask.stage("upload", { detail: "Waiting for the storage..." });
    const pauseMs = backoffMs(tries, { baseMs: limits.retryDelayMs, capMs: KEEP_PAUSE_MAX_MS });
    await sleep(pauseMs, undefined, { signal: heldTask.signal });
  }
}

async function storeOnce(
  run: RunState,
  workDir: WorkDir,
  road: ResultRoad,
  { uploads, upload }: RunContext,
): Promise<void> {
  const { heldTask, server } = run;
  using _place = await uploads.enter(heldTask.signal);
  const { taskId, dispatch } = heldTask;
  if (dispatch === undefined) throw new Error("A result is stored of which no prompt is known");
  const stored = [dispatch, server?.comfy, upload, workDir, heldTask, road] as const;
  await run.fetched;
  const outputs = await uploadStage(taskId, ...stored);
  // Whoever sees the task completed finds it.
  await run.picture;
  const result = await heldTask.settle({ kind: "completed", outputs });
  if (result === "ok") return;
  heldTask.end(result);
  heldTask.signal.throwIfAborted();
}
