import { randomUUID } from "node:crypto";
import { chmod, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { DEFAULT_TENANT, SCOPES } from "../domain/caller.js";
import type { Logger } from "../lib/logger.js";
import type { Duties } from "../store/duties.js";
import type { KeyArchive, StoredKey } from "../store/key-archive.js";
import { makeKey } from "./key-text.js";

/** What {@link ensureFirstKey} works with. */
export interface FirstKeyOptions {
  readonly store: Pick<Duties, "leaseDuty"> & { readonly keys: KeyArchive };
  /** A key is written into a file of it. */
  readonly dataDir: string;
  readonly logger: Logger;
}

const FILE_NAME = "first-admin-key";
const DUTY_MS = 30_000;

/**
 * Where no key can make keys (none is there, or all that could were revoked or have expired), makes one
 * with all scopes and writes it into the file `first-admin-key` of the data directory, for this user
 * alone. Of several replicas one does it.
 */
export async function ensureFirstKey({ store, dataDir, logger }: FirstKeyOptions): Promise<void> {
  if (hasAdmin(await store.keys.list())) return;
  if (!(await store.leaseDuty("first_key", randomUUID(), DUTY_MS))) return;
  if (hasAdmin(await store.keys.list())) return;
  await addAdminKey({ store, dataDir, logger }, "made at the first start");
}

/** Makes a key with all scopes, whatever keys there are, and writes it into the same file. */
export async function addAdminKey(
  { store, dataDir, logger }: FirstKeyOptions,
  title: string,
): Promise<void> {
  const { text, keyId, hash } = makeKey();
  const path = join(dataDir, FILE_NAME);
  // Before it counts: a key that nobody knows would keep the next start from making one.
  await writeFile(path, `${text}\n`, { mode: 0o600 });
  // A file that was there keeps its mode.
  await chmod(path, 0o600);
  const tenant = DEFAULT_TENANT;
  await store.keys.add({ keyId, hash, tenant, scopes: SCOPES, title });
  await store.keys.audit.add([{ at: new Date(), action: "key.created", subject: keyId, tenant }]);
  logger.warn(
    { path, keyId },
    "a key with all scopes is in this file: keep the key and delete the file",
  );
}

function hasAdmin(keys: readonly StoredKey[]): boolean {
  return keys.some(
    ({ scopes, revokedAt, expiresAt }) =>
      scopes.includes("admin") &&
      revokedAt === undefined &&
      (expiresAt === undefined || expiresAt.getTime() > Date.now()),
  );
}
