import { backoffMs } from "../../lib/backoff.js";

/** Why a server gets no task of a workflow. */
export interface WorkflowQuarantine {
  readonly reason: string;
  readonly until: Date;
}

interface Entry {
  count: number;
  quarantine?: WorkflowQuarantine;
}

const PAUSE = { baseMs: 60_000, capMs: 600_000 };
/** So many tasks in a row that fail here, and elsewhere do not, are no chance. */
const MAX_REFUTED = 2;

/**
 * What one server did wrong with single workflows: others may well run there. A quarantine of a
 * workflow grows with each fault in a row and ends by itself; a success forgets everything.
 */
export class WorkflowFaults {
  readonly #entries = new Map<string, Entry>();

  /** The quarantine of a workflow; undefined: it may run. */
  quarantine(workflow: string, now: Date): WorkflowQuarantine | undefined {
    const quarantine = this.#entries.get(workflow)?.quarantine;
    return quarantine && quarantine.until > now ? quarantine : undefined;
  }

  /** All quarantines that have not ended. */
  quarantines(now: Date): readonly (WorkflowQuarantine & { readonly workflow: string })[] {
    return [...this.#entries.keys()].flatMap((workflow) => {
      const quarantine = this.quarantine(workflow, now);
      return quarantine === undefined ? [] : [{ workflow, ...quarantine }];
    });
  }

  /** The server's error tells that it cannot run the workflow as it is. */
  noteTrouble(workflow: string, reason: string, now: Date): void {
    const entry = this.#entry(workflow);
    entry.count = Math.max(entry.count + 1, MAX_REFUTED);
    this.#begin(entry, reason, now);
  }

  /** A task failed here that another server completed. */
  noteRefuted(workflow: string, reason: string, now: Date): void {
    const entry = this.#entry(workflow);
    entry.count += 1;
    if (entry.count >= MAX_REFUTED) this.#begin(entry, reason, now);
  }

  /** A task of the workflow came to its good end here. */
  noteSuccess(workflow: string): void {
    this.#entries.delete(workflow);
  }

  #begin(entry: Entry, reason: string, now: Date): void {
    const pauseMs = backoffMs(entry.count - MAX_REFUTED + 1, PAUSE);
    entry.quarantine = { reason, until: new Date(now.getTime() + pauseMs) };
  }

  #entry(workflow: string): Entry {
    const entry = this.#entries.get(workflow) ?? { count: 0 };
    this.#entries.set(workflow, entry);
    return entry;
  }
}
