import { type NotedUpload, UPLOAD_KNOWN_MS, type UploadLedger } from "../upload-ledger.js";
import type { EmbeddedDriver } from "./driver.js";
import type { GroupCommit } from "./group-commit.js";

/** The table `tenant_uploads`. */
export class EmbeddedUploadLedger implements UploadLedger {
  readonly #driver: EmbeddedDriver;
  readonly #commits: GroupCommit;
  readonly #clock: () => number;

  constructor(driver: EmbeddedDriver, commits: GroupCommit, clock: () => number) {
    this.#driver = driver;
    this.#commits = commits;
    this.#clock = clock;
  }

  async note(upload: NotedUpload, maxBytes = Number.POSITIVE_INFINITY): Promise<boolean> {
    return await this.#write(() => this.#note(upload, maxBytes));
  }

  async forget(key: string): Promise<void> {
    await this.#write(() =>
      this.#driver.run("DELETE FROM tenant_uploads WHERE object_key = ?", key),
    );
  }

  async takenBytes(tenant: string): Promise<number> {
    return this.#takenBytes(tenant, this.#clock());
  }

  async tenantOf(key: string): Promise<string | undefined> {
    return this.#driver.get<{ tenant: string }>(
      "SELECT tenant FROM tenant_uploads WHERE object_key = ?",
      key,
    )?.tenant;
  }

  #note({ key, tenant, sizeBytes, ttlMs }: NotedUpload, maxBytes: number): boolean {
    const nowMs = this.#clock();
    this.#driver.run(
      "DELETE FROM tenant_uploads INDEXED BY tenant_uploads_expired WHERE expires_at < ?",
      nowMs - UPLOAD_KNOWN_MS,
    );
    if (this.#takenBytes(tenant, nowMs) + sizeBytes > maxBytes) return false;
    this.#driver.run(
      "INSERT INTO tenant_uploads (object_key, tenant, size_bytes, expires_at) VALUES (?, ?, ?, ?)",
      ...[key, tenant, sizeBytes, nowMs + ttlMs],
    );
    return true;
  }

  #write<T>(work: () => T): Promise<T> {
    return this.#commits.write(work, () => {});
  }

  #takenBytes(tenant: string, nowMs: number): number {
    const row = this.#driver.get<{ bytes: number }>(
      `SELECT total(size_bytes) AS bytes FROM tenant_uploads INDEXED BY tenant_uploads_taken
       WHERE tenant = ? AND expires_at > ?`,
      ...[tenant, nowMs],
    );
    return row?.bytes ?? 0;
  }
}
