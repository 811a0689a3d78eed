import type { Task } from "../../domain/task.js";
import { followChunk } from "../core/film-changes.js";
import { revise } from "../core/task-changes.js";
import { SlotTaken } from "../core/task-writes.js";
import type { TaskChange } from "../task-reading.js";
import type { EmbeddedTable } from "./table.js";

/** The writes of one transaction, all at the same time, and the changes to tell subscribers of. */
export class EmbeddedWrite {
  readonly now: Date;
  readonly #table: EmbeddedTable;
  readonly #changes: TaskChange[] = [];

  constructor(table: EmbeddedTable, nowMs: number) {
    this.#table = table;
    this.now = new Date(nowMs);
  }

  get changes(): readonly TaskChange[] {
    return this.#changes;
  }

  insert(task: Task, requestHash?: string): void {
    this.#table.insert(task, requestHash);
    this.#announce(task);
  }

  /**
   * Stores what a task has become, and what a chunk's film becomes by that. @returns it with its
   * revision. @throws SlotTaken
   */
  save(before: Task, next: Task): Task {
    this.#refuseSecondHolder(before, next);
    const revised = revise(before, next, this.now);
    this.#table.update(revised);
    if (revised.rev !== before.rev) this.#announce(revised);
    const film = before.chunk && this.#table.find(before.chunk.film);
    const followed = film && followChunk(film, before, next, this.now);
    if (film && followed && followed !== film) this.save(film, followed);
    return revised;
  }

  /** Like {@link save}, for a heartbeat: it mostly moves a lease and changes nothing else. */
  renew(before: Task, next: Task): void {
    const isLeaseAlone = revise(before, next, this.now).rev === before.rev;
    if (!isLeaseAlone) this.save(before, next);
    else if (next.lease) this.#table.renewLease(next.taskId, next.lease.expiresAt.getTime());
  }

  #refuseSecondHolder(before: Task, { slot }: Task): void {
    if (slot === undefined || slot === before.slot) return;
    if (this.#table.findSlotHolder(slot) !== undefined)
      throw new SlotTaken("Another task holds it");
  }

  /** Nobody is told of chunks: what they change of their film is told. */
  #announce({ taskId, rev, status, chunk }: Task): void {
    if (chunk === undefined) this.#changes.push({ taskId, rev, status });
  }
}
