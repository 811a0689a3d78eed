import { randomBytes } from "node:crypto";
import type { Scope } from "../../domain/caller.js";
import { defined } from "../../lib/defined.js";
import type { KeyArchive, NewKey, StoredKey } from "../key-archive.js";
import { EmbeddedAudit } from "./audit.js";
import type { EmbeddedDriver } from "./driver.js";
import type { GroupCommit } from "./group-commit.js";
import { EmbeddedRateBuckets } from "./rate-buckets.js";

interface KeyRow {
  readonly key_id: string;
  readonly hash: string;
  readonly tenant: string;
  readonly scopes: string;
  readonly title: string;
  readonly created_at: number;
  readonly expires_at: number | null;
  readonly revoked_at: number | null;
  readonly last_used_at: number | null;
}

const SECRET_BYTES = 32;

/** The table `access_keys`. */
export class EmbeddedKeys implements KeyArchive {
  readonly audit: EmbeddedAudit;
  readonly buckets: EmbeddedRateBuckets;
  readonly #driver: EmbeddedDriver;
  readonly #clock: () => number;

  constructor(driver: EmbeddedDriver, commits: GroupCommit, clock: () => number) {
    this.audit = new EmbeddedAudit(driver, commits, clock);
    this.buckets = new EmbeddedRateBuckets(clock);
    this.#driver = driver;
    this.#clock = clock;
  }

  async version(): Promise<number> {
    return Number(this.#fact("keys_version"));
  }

  async list(): Promise<readonly StoredKey[]> {
    const rows = this.#driver.all<KeyRow>(
      "SELECT * FROM access_keys ORDER BY created_at DESC, key_id",
    );
    return rows.map(toKey);
  }

  async add({ keyId, hash, tenant, scopes, title, expiresAt }: NewKey) {
    const count = this.#driver.run(
      `INSERT OR IGNORE INTO access_keys (key_id, hash, tenant, scopes, title, created_at, expires_at)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[keyId, hash, tenant, JSON.stringify(scopes), JSON.stringify(title)],
      ...[this.#clock(), expiresAt?.getTime() ?? null],
    );
    return count === 0 ? undefined : this.#find(keyId);
  }

  async revoke(keyId: string): Promise<StoredKey | undefined> {
    this.#driver.run(
      "UPDATE access_keys SET revoked_at = ? WHERE key_id = ? AND revoked_at IS NULL",
      this.#clock(),
      keyId,
    );
    return this.#find(keyId);
  }

  async noteUsed(uses: ReadonlyMap<string, Date>): Promise<void> {
    this.#driver.transaction(() => {
      for (const [keyId, at] of uses)
        this.#driver.run(
          "UPDATE access_keys SET last_used_at = max(coalesce(last_used_at, 0), ?) WHERE key_id = ?",
          at.getTime(),
          keyId,
        );
    });
  }

  async secret(): Promise<Uint8Array> {
    const made = randomBytes(SECRET_BYTES).toString("hex");
    this.#driver.run("INSERT OR IGNORE INTO facts (name, value) VALUES ('link_secret', ?)", made);
    return Buffer.from(this.#fact("link_secret"), "hex");
  }

  #find(keyId: string): StoredKey | undefined {
    const row = this.#driver.get<KeyRow>("SELECT * FROM access_keys WHERE key_id = ?", keyId);
    return row && toKey(row);
  }

  #fact(name: string): string {
    const row = this.#driver.get<{ value: string }>("SELECT value FROM facts WHERE name = ?", name);
    if (!row) throw new Error(`The store has no fact "${name}"`);
    return row.value;
  }
}

function toKey(row: KeyRow): StoredKey {
  return {
    ...{ keyId: row.key_id, hash: row.hash, tenant: row.tenant },
    scopes: JSON.parse(row.scopes) as Scope[],
    title: JSON.parse(row.title) as string,
    createdAt: new Date(row.created_at),
    ...defined({
      expiresAt: toDate(row.expires_at),
      revokedAt: toDate(row.revoked_at),
      lastUsedAt: toDate(row.last_used_at),
    }),
  };
}

function toDate(ms: number | null): Date | undefined {
  return ms === null ? undefined : new Date(ms);
}
