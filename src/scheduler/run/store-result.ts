import { setTimeout as sleep } from "node:timers/promises";
import { type ErrorCode, TaskError } from "../../domain/errors.js";
import { backoffMs } from "../../lib/backoff.js";
import { findInput, type ReadyInput } from "../../pipeline/download-stage.js";
import { checkResult } from "../../pipeline/result/check-result.js";
import { promisedResult } from "../../pipeline/result/promised-result.js";
import { uploadStage } from "../../pipeline/upload-stage.js";
import type { WorkDir } from "../../pipeline/work-dir.js";
import { graphNamed } from "../../workflow/variants.js";
import type { RunContext, RunState } from "./run-context.js";

/** Failures of the place where results are kept, not of the server that made them. */
const STORAGE_CODES: ReadonlySet<ErrorCode> = new Set([
  "UPLOAD_FAILED",
  "STORAGE_REFUSED",
  "DISK_FULL",
]);
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
  const check = checkOnce(run, workDir, input, context);
  const untilMs = performance.now() + Math.min(KEEP_MS, limits.uploadRetryMs);
  for (let tries = 1; ; tries += 1) {
    run.phase = "upload";
    try {
      return await storeOnce(run, workDir, check, context);
    } catch (error) {
      const isStorages = error instanceof TaskError && STORAGE_CODES.has(error.code);
      if (!isStorages || performance.now() >= untilMs) throw error;
      logger.warn({ taskId: heldTask.taskId, tries, err: error }, "result not stored yet");
    }
    run.phase = "kept";
    await heldTask.stage("upload", { detail: "Waiting for the storage..." });
    const pauseMs = backoffMs(tries, { baseMs: limits.retryDelayMs, capMs: KEEP_PAUSE_MAX_MS });
    await sleep(pauseMs, undefined, { signal: heldTask.signal });
  }
}

/** Looks at the result at the first try alone: its file stays the same. */
function checkOnce(
  { heldTask, workflow }: RunState,
  workDir: WorkDir,
  input: () => Promise<ReadyInput>,
  { logger }: RunContext,
): (path: string) => Promise<void> {
  const { dispatch, signal, task } = heldTask;
  const look = async (path: string): Promise<void> => {
    const facts = (await findInput(workDir))?.facts ?? heldTask.input;
    const graph = workflow && graphNamed(workflow, dispatch?.variant);
    const promised = graph && facts ? promisedResult(graph, facts, task.parameters) : {};
    const server = dispatch?.server ?? "?";
    await checkResult({ path, promised, server, input }, logger, signal);
  };
  let looking: Promise<void> | undefined;
  return (path) => {
    looking ??= look(path);
    return looking;
  };
}

async function storeOnce(
  { heldTask, server }: RunState,
  workDir: WorkDir,
  check: (path: string) => Promise<void>,
  { uploads, upload }: RunContext,
): Promise<void> {
  using _place = await uploads.enter(heldTask.signal);
  const { taskId, dispatch } = heldTask;
  if (dispatch === undefined) throw new Error("A result is stored of which no prompt is known");
  const stored = [dispatch, server?.comfy, upload, workDir, heldTask, check] as const;
  const outputs = await uploadStage(taskId, ...stored);
  const result = await heldTask.settle({ kind: "completed", outputs });
  if (result === "ok") return;
  heldTask.end(result);
  heldTask.signal.throwIfAborted();
}
