import { randomUUID } from "node:crypto";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";
import type { AuditArchive } from "../store/audit-archive.js";
import type { Duties } from "../store/duties.js";

/** What old entries of the audit are deleted with. */
export interface AuditSweepsOptions {
  readonly store: Pick<Duties, "leaseDuty">;
  readonly archive: Pick<AuditArchive, "deleteOld">;
  /** How long entries are kept. */
  readonly keptMs: number;
  readonly logger: Logger;
}

const DUTY = "audit";
const DUTY_MS = 60_000;
const FIRST_PAUSE_MS = 1_000;
const PAUSE_MS = 600_000;
const BATCH = 1_000;

/** Deletes old entries of the audit, now and then, by one process at a time. */
export function repeatAuditSweeps(options: AuditSweepsOptions): AsyncDisposable {
  const owner = randomUUID();
  const onError = (err: unknown) =>
    options.logger.warn({ err }, "old entries of the audit not deleted, trying again");
  return repeat((signal) => sweep(options, owner, signal), {
    ...{ firstPauseMs: FIRST_PAUSE_MS, pauseMs: PAUSE_MS, onError },
  });
}

async function sweep(
  { store, archive, keptMs, logger }: AuditSweepsOptions,
  owner: string,
  signal: AbortSignal,
): Promise<void> {
  let count = 0;
  for (let isLast = false; !isLast && !signal.aborted; ) {
    if (!(await store.leaseDuty(DUTY, owner, DUTY_MS))) break;
    const deletedCount = await archive.deleteOld(keptMs, BATCH);
    count += deletedCount;
    isLast = deletedCount < BATCH;
  }
  await store.leaseDuty(DUTY, owner, 0);
  if (count > 0) logger.info({ count }, "old entries of the audit deleted");
}
