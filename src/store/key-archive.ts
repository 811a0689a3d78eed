import type { Scope } from "../domain/caller.js";
import type { AuditArchive } from "./audit-archive.js";
import type { RateBuckets } from "./rate-buckets.js";

/** A key to be stored. The key itself is never stored. */
export interface NewKey {
  /** The visible characters of the key; no two keys have the same. */
  readonly keyId: string;
  /** SHA-256 of the whole key, as 64 hexadecimal digits. */
  readonly hash: string;
  readonly tenant: string;
  readonly scopes: readonly Scope[];
  /** What people call it. */
  readonly title: string;
  /** Absent: it does not expire. */
  readonly expiresAt?: Date;
}

/** A key as it is stored. */
export interface StoredKey extends NewKey {
  readonly createdAt: Date;
  readonly revokedAt?: Date;
  /** To the minute. */
  readonly lastUsedAt?: Date;
}

/** The part of a store that keeps keys. All replicas see the same. */
export interface KeyArchive {
  /** What was done under them. */
  readonly audit: AuditArchive;

  /** How much may still be done under them. */
  readonly buckets: RateBuckets;

  /** Differs from every earlier one after a key was added or revoked; cheap to ask for often. */
  version(): Promise<number>;

  /** All keys, those that were revoked too, the newest first. */
  list(): Promise<readonly StoredKey[]>;

  /** Stores a key, created now by the store's clock. @returns undefined if its id is taken. */
  add(key: NewKey): Promise<StoredKey | undefined>;

  /** Revokes a key for ever; one that is revoked stays as it is. @returns undefined if there is none. */
  revoke(keyId: string): Promise<StoredKey | undefined>;

  /** Notes when keys were last used; an earlier time than the known one changes nothing. */
  noteUsed(uses: ReadonlyMap<string, Date>): Promise<void>;

  /** A secret of this store alone, made once: 32 random bytes. */
  secret(): Promise<Uint8Array>;
}
