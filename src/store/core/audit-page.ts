import { randomBytes } from "node:crypto";
import type { AuditEntry } from "../../domain/audit.js";
import type { AuditPage } from "../audit-archive.js";

/** An entry under its id, which grows with time. */
export interface StoredEntry {
  readonly id: string;
  readonly entry: AuditEntry;
}

/** @param found the page's entries, and one more where there is a next page. */
export function toAuditPage(found: readonly StoredEntry[], pageSize: number): AuditPage {
  const shown = found.slice(0, pageSize);
  const last = shown.at(-1);
  return {
    entries: shown.map(({ entry }) => entry),
    ...(last && found.length > pageSize && { nextPageToken: last.id }),
  };
}

/** Makes ids of entries: 12 digits of milliseconds, 4 that keep the order of one process, 16 at random. */
export class AuditIds {
  #count = 0;

  next(at: Date): string {
    this.#count = (this.#count + 1) % 0x1_0000;
    const order = this.#count.toString(16).padStart(4, "0");
    return auditIdAt(at.getTime()) + order + randomBytes(8).toString("hex");
  }
}

/** Above the ids of all entries before a time, and below those of all others. */
export function auditIdAt(ms: number): string {
  return Math.max(0, Math.floor(ms)).toString(16).padStart(12, "0");
}
