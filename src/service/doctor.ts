import { access, constants, statfs } from "node:fs/promises";
import { TaskError } from "../domain/errors.js";
import { errorCode } from "../lib/error-code.js";
import type { Pool } from "../pool/pool.js";
import { type ServerView, viewServers } from "../pool/server-view.js";
import type { ObjectStorage } from "../storage/object-storage.js";
import type { HistoryArchive } from "../store/history-archive.js";
import type { TaskReading } from "../store/task-reading.js";
import type { WorkflowCatalog } from "../workflow/catalog/catalog.js";

/** What the doctor can find. The codes are public API. */
export type FindingCode =
  | "STORAGE_REFUSED"
  | "STORAGE_UNREACHABLE"
  | "DATABASE_UNREACHABLE"
  | "STORE_WITHOUT_TRANSACTIONS"
  | "DISK_REFUSED"
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
  readonly store: Pick<TaskReading, "hasTransactions">;
  readonly history: Pick<HistoryArchive, "now">;
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
    if (!(error instanceof TaskError))
      return [{ ...base, code: "STORAGE_UNREACHABLE", problem: SILENT, advice: UNREACHABLE }];
    const { code, message: problem, cause } = error;
    // OSS says so of a request whose time is over a quarter of an hour off.
    if (errorCode(cause) === "RequestTimeTooSkewed")
      return [{ code: "CLOCK_OFF", subject: "clock", blocks: true, problem, advice: SET_CLOCK }];
    return code === "STORAGE_REFUSED"
      ? [{ ...base, code, problem, advice: REFUSED }]
      : [{ ...base, code: "STORAGE_UNREACHABLE", problem, advice: UNREACHABLE }];
  }
}

const SILENT = "The storage does not answer";
const REFUSED =
  "Give the access key its rights on the bucket, or this user the right to write there";
const UNREACHABLE = "Check that the storage runs and that this machine reaches it";

const SET_CLOCK = "Set the clock of this machine by NTP";

async function lookAtDatabase({ store, history }: DoctorOptions): Promise<readonly Finding[]> {
  try {
    const now = await within(history.now());
    return [...lookAtClock(now), ...(store.hasTransactions ? [] : [STANDALONE])];
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

const STANDALONE: Finding = {
  ...{ code: "STORE_WITHOUT_TRANSACTIONS", subject: "database", blocks: false },
  problem: "The database is a standalone server: no film is cut, no batch of tasks is taken",
  advice: "Start it with --replSet, as a set of one, and run rs.initiate() once",
};

function lookAtClock(databaseNow: Date): readonly Finding[] {
  const offMs = Math.abs(databaseNow.getTime() - Date.now());
  if (offMs < CLOCK_MS) return [];
  const problem = `The clocks of this machine and of the database differ by ${Math.round(offMs / 1000)} s`;
  const advice = "Set the clocks by NTP on both";
  return [{ code: "CLOCK_OFF", subject: "clock", blocks: false, problem, advice }];
}

async function lookAtDisk({ dataDir }: DoctorOptions): Promise<readonly Finding[]> {
  try {
    await access(dataDir, constants.W_OK | constants.X_OK);
    const { bavail, bsize } = await statfs(dataDir);
    return lookAtRoom(bavail * bsize);
  } catch {
    return [
      {
        ...{ code: "DISK_REFUSED", subject: "disk", blocks: true },
        problem: "The data directory is not there or not writable",
        advice: "Give this user the right to write to the directory of TMLSR_DATA_DIR",
      },
    ];
  }
}

function lookAtRoom(freeBytes: number): readonly Finding[] {
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
  const { address: subject, state, reason, faultKind, workflows, missing } = server;
  const base = { subject, blocks: false };
  const why = reason === undefined ? "" : `: ${reason}`;
  if (state === "unknown" || (state === "quarantined" && faultKind === "unreachable"))
    return [
      {
        ...{ ...base, code: "SERVER_UNREACHABLE" },
        problem: `The server does not answer${why}`,
        advice: "Check that it runs at this address and that this machine reaches it",
      },
    ];
  if (state === "quarantined")
    return [
      {
        ...{ ...base, code: "SERVER_QUARANTINED" },
        problem: `The server gets no tasks for a while${why}`,
        advice:
          faultKind === "needs_restart"
            ? "Restart it: nothing else mends its GPU"
            : "Look into its log and restart it; it is tried again by itself",
      },
    ];
  const broken = server.workflowQuarantines.map(
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
