import type { Task } from "../../domain/task.js";
import { eventOf } from "../core/event-of.js";
import { followChunk } from "../core/film-changes.js";
import { revise } from "../core/task-changes.js";
import { SlotTaken } from "../core/task-writes.js";
import { DELETED_REV, type TaskChange } from "../task-reading.js";
import type { EmbeddedChangeLog } from "./change-log.js";
import type { EmbeddedOutboxTable } from "./outbox-table.js";
import type { EmbeddedTable } from "./table.js";

/** The tables that a write is about. */
export interface EmbeddedTables {
  readonly tasks: EmbeddedTable;
  readonly log: EmbeddedChangeLog;
  readonly outbox: EmbeddedOutboxTable;
}

/** The writes of one transaction, all at the same time, and the changes to tell subscribers of. */
export class EmbeddedWrite {
  readonly now: Date;
  readonly #table: EmbeddedTable;
  readonly #log: EmbeddedChangeLog;
  readonly #outbox: EmbeddedOutboxTable;
  readonly #changes: TaskChange[] = [];
  #hasEvents = false;

  constructor({ tasks, log, outbox }: EmbeddedTables, nowMs: number) {
    this.#table = tasks;
    this.#log = log;
    this.#outbox = outbox;
    this.now = new Date(nowMs);
  }

  get changes(): readonly TaskChange[] {
    return this.#changes;
  }

  /** Whether a webhook is to be told something. */
  get hasEvents(): boolean {
    return this.#hasEvents;
  }

  insert(task: Task, requestHash?: string): void {
    this.#table.insert(task, requestHash);
    this.#announce(task);
  }

  /**
   * Stores a new task as it is once it is leased; told is what would have been, had it been stored before.
   *
   * @returns it with its revision.
   */
  insertLeased(task: Task, next: Task, requestHash?: string): Task {
    const leased = revise(task, next, this.now);
    this.#table.insert(leased, requestHash);
    this.#announce(task, leased);
    this.#addEvent(task, leased);
    return leased;
  }

  /**
   * Stores what a task has become, what its webhook is to be told of that, and what a chunk's film
   * becomes by it. @returns it with its revision. @throws SlotTaken
   */
  save(before: Task, next: Task): Task {
    this.#refuseSecondHolder(before, next);
    const revised = revise(before, next, this.now);
    this.#table.update(revised);
    if (revised.rev !== before.rev) this.#announce(revised);
    this.#addEvent(before, revised);
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

  /** Deletes a task if it has ended and needs no cleanup. @returns how many. */
  deleteEnded(taskId: string): number {
    const task = this.#table.find(taskId);
    const count = this.#table.deleteEnded(taskId);
    if (task && count > 0) {
      if (task.webhook) this.#outbox.letGo(taskId);
      const position = this.#log.noteDeleted(task, this.now.getTime());
      this.#changes.push({ taskId, rev: DELETED_REV, position });
    }
    return count;
  }

  #addEvent(before: Task, next: Task): void {
    const event = eventOf(before, next);
    if (event === undefined || next.webhook === undefined) return;
    this.#outbox.add(next, event, next.webhook.url, this.now);
    this.#hasEvents = true;
  }

  #refuseSecondHolder(before: Task, { slot }: Task): void {
    if (slot === undefined || slot === before.slot) return;
    if (this.#table.findSlotHolder(slot) !== undefined)
      throw new SlotTaken("Another task holds it");
  }

  /**
   * Nobody is told of chunks: what they change of their film is told.
   *
   * @param versions what a task was one after the other, if it is stored with several changes at once
   */
  #announce(...versions: readonly [Task, ...Task[]]): void {
    const [{ taskId, chunk }] = versions;
    if (chunk !== undefined) return;
    const position = this.#log.positionOf(taskId);
    for (const { rev, status } of versions) this.#changes.push({ taskId, rev, status, position });
  }
}
