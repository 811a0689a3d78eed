import { documents, type TaskDocument } from "../service/documents.js";
import { Refusal, type Service } from "../service/service.js";
import { uploadFile } from "../service/upload.js";
import { type Input, type Job, typeOf } from "./input.js";

/** The label by which the command finds its tasks again. */
const SOURCE_LABEL = "tmlsr.source";

/** What is told while a task is looked for or made. */
export type OnUpload = (sentBytes: number, totalBytes: number) => void;

/**
 * The task that computes an input: the one that an earlier command made, a retry of it where it failed
 * or was canceled, else a new one. Two commands at once make one task.
 *
 * @param source names input, workflow and parameters.
 * @returns its id
 */
export async function findOrCreate(
  service: Service,
  input: Input,
  job: Job,
  source: string,
  signal: AbortSignal,
  onUpload: OnUpload,
): Promise<string> {
  const known = await newest(service, source, signal);
  if (known !== undefined) return await goOnWith(service, known, signal);
  const url =
    input.kind === "url" ? input.url : await uploadFile(service, input.path, signal, onUpload);
  try {
    return await create(service, url, input, job, source, signal);
  } catch (error) {
    if (!(error instanceof Refusal) || error.code !== "IDEMPOTENCY_CONFLICT") throw error;
    // Another command was faster, with an upload of its own.
    const theirs = await newest(service, source, signal);
    if (theirs === undefined) throw error;
    return await goOnWith(service, theirs, signal);
  }
}

async function goOnWith(
  service: Service,
  { task_id: taskId, status }: TaskDocument,
  signal: AbortSignal,
): Promise<string> {
  if (status !== "failed" && status !== "canceled") return taskId;
  const call = { method: "POST", body: {}, signal } as const;
  const retry = await service.call(`/tasks/${taskId}:retry`, documents.created, call);
  return retry.task_id;
}

async function newest(
  service: Service,
  source: string,
  signal: AbortSignal,
): Promise<TaskDocument | undefined> {
  const label = encodeURIComponent(`${SOURCE_LABEL}:${source}`);
  const page = await service.call(`/tasks?page_size=1&label=${label}`, documents.tasks, { signal });
  return page.tasks[0];
}

async function create(
  service: Service,
  url: string,
  input: Input,
  job: Job,
  source: string,
  signal: AbortSignal,
): Promise<string> {
  const { workflow, parameters, priority, labels } = job;
  const body = {
    ...{ url, type: typeOf(input, job), workflow, parameters, priority },
    labels: { ...labels, [SOURCE_LABEL]: source },
  };
  const headers = { "idempotency-key": `${SOURCE_LABEL}.${source}` };
  const call = { method: "POST", body, headers, signal } as const;
  const { task_id: taskId } = await service.call("/tasks", documents.created, call);
  return taskId;
}
