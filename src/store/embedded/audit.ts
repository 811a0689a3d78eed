import type { AuditEntry } from "../../domain/audit.js";
import type { AuditArchive, AuditPage } from "../audit-archive.js";
import { AuditIds, auditIdAt, toAuditPage } from "../core/audit-page.js";
import { pageStart } from "../core/task-page.js";
import type { EmbeddedDriver } from "./driver.js";
import type { GroupCommit } from "./group-commit.js";

interface AuditRow {
  readonly audit_id: string;
  readonly document: string;
}

/** The table `audit`. */
export class EmbeddedAudit implements AuditArchive {
  readonly #driver: EmbeddedDriver;
  readonly #commits: GroupCommit;
  readonly #clock: () => number;
  readonly #ids = new AuditIds();

  constructor(driver: EmbeddedDriver, commits: GroupCommit, clock: () => number) {
    this.#driver = driver;
    this.#commits = commits;
    this.#clock = clock;
  }

  async add(entries: readonly AuditEntry[]): Promise<void> {
    await this.#write(() => {
      for (const entry of entries)
        this.#driver.run(
          "INSERT INTO audit (audit_id, document) VALUES (?, ?)",
          this.#ids.next(entry.at),
          JSON.stringify(entry),
        );
    });
  }

  async list(pageSize: number, pageToken?: string): Promise<AuditPage> {
    const rows = this.#driver.all<AuditRow>(
      "SELECT audit_id, document FROM audit WHERE audit_id < ? ORDER BY audit_id DESC LIMIT ?",
      pageStart(pageToken),
      pageSize + 1,
    );
    const found = rows.map(({ audit_id: id, document }) => ({ id, entry: toEntry(document) }));
    return toAuditPage(found, pageSize);
  }

  async deleteOld(keptMs: number, limit: number): Promise<number> {
    return await this.#write(() =>
      this.#driver.run(
        `DELETE FROM audit WHERE audit_id IN
           (SELECT audit_id FROM audit WHERE audit_id < ? ORDER BY audit_id LIMIT ?)`,
        auditIdAt(this.#clock() - keptMs),
        limit,
      ),
    );
  }

  async #write<T>(work: () => T): Promise<T> {
    return await this.#commits.write(work, () => undefined);
  }
}

function toEntry(document: string): AuditEntry {
  const { at, ...rest } = JSON.parse(document) as Omit<AuditEntry, "at"> & { readonly at: string };
  return { ...rest, at: new Date(at) };
}
