import { statfs } from "node:fs/promises";
import { TaskError } from "../domain/errors.js";
import type { Pool } from "../pool/pool.js";
import { type ServerView, viewServers } from "../pool/server-view.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { HistoryArchive } from "../store/history-archive.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";

/** What the doctor can find. The codes are public API. */
export type FindingCode =
  | "STORAGE_REFUSED"
  | "STORAGE_UNREACHABLE"
  | "DATABASE_UNREACHABLE"
  | "DISK_FULL"
  | "DISK_LOW"
  | "CLOCK_OFF"
  | "SERVER_UNREACHABLE"
  | "SERVER_QUARANTINED"
  | "SERVER_WITHOUT_WORKFLOWS"
  | "WORKFLOW_QUARANTINED"
  | "NO_SERVER";

/** One thing that is wrong, and the one thing to do. */
export interface Finding {
  readonly code: FindingCode;
  /** `storage`, `database`, `disk`, `clock`, `pool` or a server's address. */
  readonly subject: string;
  /** Whether tasks cannot get on because of it. */
  readonly blocks: boolean;
  readonly problem: string;
  readonly advice: string;
}

/** What the doctor looks at. */
export interface DoctorOptions {
  readonly storage: Pick<ObjectStorage, "probe">;
  readonly store: { readonly history: Pick<HistoryArchive, "now"> };
  readonly pool: Pool;
  readonly catalog: Pick<WorkflowCatalog, "list">;
  /** Where this process keeps what is on its way. */
  readonly dataDir: string;
}

/** How long one look may take. */
const LIMIT_MS = 5_000;
const LOW_BYTES = 5 * 2 ** 30;
const FULL_BYTES = 2 ** 29;
const CLOCK_MS = 5_000;
const GIB = 2 ** 30;

/** Says what is wrong, the worst first. @returns nothing where all is well. */
export async function examine(options: DoctorOptions): Promise<readonly Finding[]> {
  const found = await Promise.all([
    lookAtStorage(options),
    lookAtDatabase(options),
    lookAtDisk(options),
    lookAtServers(options),
  ]);
  return found.flat().sort((a, b) => Number(b.blocks) - Number(a.blocks));
}

async function lookAtStorage({ storage }: DoctorOptions): Promise<readonly Finding[]> {
  const base = { subject: "storage", blocks: true };
  try {
    await within(storage.probe(AbortSignal.timeout(LIMIT_MS)));
    return [];
  } catch (error) {
    if (error instanceof TaskError && error.code === "STORAGE_REFUSED")
      return [{ ...base, code: "STORAGE_REFUSED", problem: error.message, advice: REFUSED }];
    const problem = error instanceof TaskError ? error.message : "The storage does not answer";
    return [{ ...base, code: "STORAGE_UNREACHABLE", problem, advice: UNREACHABLE }];
  }
}

const REFUSED =
  "Give the access key its rights on the bucket, or this user the right to write there";
const UNREACHABLE = "Check that the storage runs and that this machine reaches it";

async function lookAtDatabase({ store }: DoctorOptions): Promise<readonly Finding[]> {
  try {
    const offMs = (await within(store.history.now())).getTime() - Date.now();
    if (Math.abs(offMs) < CLOCK_MS) return [];
    return [
      {
        ...{ code: "CLOCK_OFF", subject: "clock", blocks: false },
        problem: `The clocks of this machine and of the database differ by ${Math.round(Math.abs(offMs) / 1000)} s`,
        advice: "Set the clocks by NTP on both",
      },
    ];
  } catch {
    return [
      {
        ...{ code: "DATABASE_UNREACHABLE", subject: "database", blocks: true },
        problem: "The database does not answer",
        advice: "Check that the database runs, has a primary, and that this machine reaches it",
      },
    ];
  }
}

async function lookAtDisk({ dataDir }: DoctorOptions): Promise<readonly Finding[]> {
  const { bavail, bsize } = await statfs(dataDir);
  const freeBytes = bavail * bsize;
  if (freeBytes >= LOW_BYTES) return [];
  const isFull = freeBytes < FULL_BYTES;
  return [
    {
      ...{ code: isFull ? "DISK_FULL" : "DISK_LOW", subject: "disk", blocks: isFull },
      problem: `The disk of the data directory has ${(freeBytes / GIB).toFixed(1)} GiB left`,
      advice: "Make room on it, or set TMLSR_RETENTION_DAYS with TMLSR_KEEP_OUTPUTS=false",
    },
  ];
}

async function lookAtServers({ pool, catalog }: DoctorOptions): Promise<readonly Finding[]> {
  const servers = viewServers(pool, catalog.list());
  const isNoneUp = servers.every(({ status }) => status === "offline");
  const none: Finding = {
    ...{ code: "NO_SERVER", subject: "pool", blocks: true },
    problem: "No server of the pool is ready: tasks wait",
    advice: "Mend one of the servers below, or add one to COMFYUI_SERVERS",
  };
  return [...(isNoneUp ? [none] : []), ...servers.flatMap(lookAtServer)];
}

function lookAtServer(server: ServerView): readonly Finding[] {
  const { address: subject, state, reason, workflows, missing, workflowQuarantines } = server;
  const base = { subject, blocks: false };
  const why = reason === undefined ? "" : `: ${reason}`;
  if (state === "unknown")
    return [
      {
        ...{ ...base, code: "SERVER_UNREACHABLE" },
        problem: `The server was not reached since the start${why}`,
        advice: "Check that it runs at this address and that this machine reaches it",
      },
    ];
  if (state === "quarantined")
    return [
      {
        ...{ ...base, code: "SERVER_QUARANTINED" },
        problem: `The server gets no tasks for a while${why}`,
        advice: "Look into its log and restart it; it is tried again by itself",
      },
    ];
  const broken = workflowQuarantines.map(
    ({ workflow, reason: because }): Finding => ({
      ...{ ...base, code: "WORKFLOW_QUARANTINED" },
      problem: `The server gets no tasks of "${workflow}" for a while: ${because}`,
      advice: "Fetch the model files that the workflow needs anew on this server",
    }),
  );
  if (workflows.length > 0) return broken;
  const problem = `The server can run no workflow${missing[0] === undefined ? "" : `; ${missing[0]}`}`;
  const advice = "Put what is missing on it: GET /monitor/stats lists it";
  return [{ ...base, code: "SERVER_WITHOUT_WORKFLOWS", problem, advice }, ...broken];
}

async function within<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("No answer in time")), LIMIT_MS);
  });
  return await Promise.race([work, limit]).finally(() => clearTimeout(timer));
}
