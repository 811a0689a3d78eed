import type { Act, AuditEntry } from "../domain/audit.js";
import type { Caller } from "../domain/caller.js";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";
import type { AuditArchive, AuditPage } from "../store/audit-archive.js";

/** What an {@link AuditLog} works with. */
export interface AuditLogOptions {
  readonly archive: Pick<AuditArchive, "add" | "list">;
  readonly logger: Logger;
}

const PAUSE_MS = 500;
const MAX_BATCH = 500;
/** Entries that wait for a store which does not answer; further ones are lost. */
const MAX_WAITING = 20_000;

/**
 * Notes who did what, without keeping anybody waiting: entries are stored together, half a second later
 * at the most. What a killed process had not stored by then is lost.
 */
export class AuditLog implements AsyncDisposable {
  readonly #options: AuditLogOptions;
  readonly #writing: AsyncDisposable;
  #waiting: AuditEntry[] = [];
  #lostCount = 0;
  #current: Promise<void> | undefined;

  constructor(options: AuditLogOptions) {
    this.#options = options;
    const onError = (err: unknown) =>
      options.logger.warn({ err }, "the audit cannot be stored, trying again");
    this.#writing = repeat(() => this.#write(), { pauseMs: PAUSE_MS, onError });
  }

  /** @param address where the request came from. */
  note(act: Act, { tenant, keyId }: Caller, address: string): void {
    if (this.#waiting.length >= MAX_WAITING) {
      this.#lostCount += 1;
      return;
    }
    const entry = { at: new Date(), ...act, tenant, address };
    this.#waiting.push(keyId === undefined ? entry : { ...entry, keyId });
  }

  /** What was done, with all that this process has noted. @throws TaskError INVALID_REQUEST. */
  async list(pageSize: number, pageToken?: string): Promise<AuditPage> {
    await this.#writeAll();
    return await this.#options.archive.list(pageSize, pageToken);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing[Symbol.asyncDispose]();
    await this.#writeAll().catch((err: unknown) => {
      const lostCount = this.#waiting.length;
      this.#options.logger.error({ err, lostCount }, "entries of the audit are lost");
    });
  }

  async #writeAll(): Promise<void> {
    // One that has begun may have missed the last ones.
    await this.#current?.catch(() => undefined);
    await this.#write();
  }

  async #write(): Promise<void> {
    this.#current ??= this.#writeBatches().finally(() => {
      this.#current = undefined;
    });
    await this.#current;
  }

  async #writeBatches(): Promise<void> {
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.slice(0, MAX_BATCH);
      await this.#options.archive.add(batch);
      this.#waiting = this.#waiting.slice(batch.length);
    }
    const lostCount = this.#lostCount;
    this.#lostCount = 0;
    if (lostCount > 0) this.#options.logger.error({ lostCount }, "entries of the audit are lost");
  }
}
