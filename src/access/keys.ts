import { DEFAULT_TENANT, type Scope } from "../domain/caller.js";
import { TaskError, type Violation } from "../domain/errors.js";
import { defined } from "../lib/defined.js";
import type { KeyArchive, StoredKey } from "../store/key-archive.js";
import type { KeyRing } from "./key-ring.js";
import { makeKey } from "./key-text.js";

/** A request for a key. */
export interface CreateKey {
  /** @default `default` */
  readonly tenant?: string;
  /** At least one. */
  readonly scopes: readonly Scope[];
  readonly title: string;
  /** Absent: it does not expire. */
  readonly expiresAt?: Date;
}

/** A new key, whose text is told once. */
export interface CreatedKey {
  readonly text: string;
  readonly key: StoredKey;
}

/** What {@link Keys} works with. */
export interface KeysOptions {
  readonly keys: KeyArchive;
  readonly ring: Pick<KeyRing, "refresh">;
  readonly hasTenant: (tenant: string) => boolean;
}

/** Ids are random: one that is taken is rare, several in a row are a fault. */
const MAX_TRIES = 5;

/** The use cases of whoever gives keys out. */
export class Keys {
  readonly #options: KeysOptions;

  constructor(options: KeysOptions) {
    this.#options = options;
  }

  /** Makes a key. This replica knows it at once. @throws TaskError INVALID_REQUEST. */
  async create(request: CreateKey): Promise<CreatedKey> {
    const { tenant = DEFAULT_TENANT, scopes, title, expiresAt } = request;
    this.#check(tenant, expiresAt);
    for (let tryCount = 0; tryCount < MAX_TRIES; tryCount += 1) {
      const { text, keyId, hash } = makeKey();
      const asked = { keyId, hash, tenant, scopes: [...new Set(scopes)], title };
      const key = await this.#options.keys.add({ ...asked, ...defined({ expiresAt }) });
      if (key === undefined) continue;
      await this.#options.ring.refresh();
      return { text, key };
    }
    throw new Error("Cannot find an id for a key");
  }

  /** All keys, those too that were revoked or have expired, the newest first. */
  async list(): Promise<readonly StoredKey[]> {
    return await this.#options.keys.list();
  }

  /**
   * Revokes a key, for ever. What goes on under it ends on this replica at once, on the others in less
   * than a second.
   *
   * @throws TaskError KEY_NOT_FOUND.
   */
  async revoke(keyId: string): Promise<StoredKey> {
    const key = await this.#options.keys.revoke(keyId);
    if (key === undefined) throw new TaskError("KEY_NOT_FOUND", "Key not found");
    await this.#options.ring.refresh();
    return key;
  }

  #check(tenant: string, expiresAt: Date | undefined): void {
    const violations: Violation[] = [];
    if (!this.#options.hasTenant(tenant))
      violations.push({ field: "tenant", message: "tenant must be one of the configuration" });
    if (expiresAt !== undefined && !(expiresAt.getTime() > Date.now()))
      violations.push({ field: "expires_at", message: "expires_at must be a time to come" });
    if (violations.length === 0) return;
    const detail = violations.map(({ message }) => message).join("; ");
    throw new TaskError("INVALID_REQUEST", `Cannot make the key: ${detail}`, { violations });
  }
}
