import { DEFAULT_TENANT } from "../../domain/caller.js";
import { TaskError } from "../../domain/errors.js";
import type { UploadLedger } from "../../store/upload-ledger.js";
import type { InputSource } from "../input-source.js";
import { uploadKeyOf } from "./upload-key.js";
import { UNKNOWN_UPLOAD } from "./upload-source.js";
import type { TakeOptions, Upload, UploadBody, Uploads } from "./uploads.js";

/** Whose uploads are taken, and what they may take together. */
export interface UploadAccountOptions {
  readonly ledger: UploadLedger;
  readonly tenant: string;
  /** Of all that have not expired. @default no limit */
  readonly maxBytes?: number | undefined;
  /** How long an upload takes room. */
  readonly ttlMs: number;
}

/** Keeps the account of a tenant's uploads. */
export class UploadAccount {
  readonly #options: UploadAccountOptions;

  constructor(options: UploadAccountOptions) {
    this.#options = options;
  }

  /**
   * Refuses what has no room anyway, before anything of it is read.
   *
   * @throws TaskError TENANT_FULL.
   */
  async check(declaredBytes: number): Promise<void> {
    const { ledger, tenant, maxBytes } = this.#options;
    if (maxBytes === undefined) return;
    const takenBytes = await ledger.takenBytes(tenant);
    if (takenBytes >= maxBytes || takenBytes + declaredBytes > maxBytes) throw noRoom(maxBytes);
  }

  /** Takes the room of an upload. @throws TaskError TENANT_FULL. */
  async enter(key: string, sizeBytes: number): Promise<void> {
    const { ledger, tenant, ttlMs, maxBytes } = this.#options;
    if (!(await ledger.note({ key, tenant, sizeBytes, ttlMs }, maxBytes)))
      throw noRoom(maxBytes ?? 0);
  }

  /** Gives the room of an upload back that could not be stored. */
  async leave(key: string): Promise<void> {
    await this.#options.ledger.forget(key);
  }
}

/** Takes uploads on a tenant's account. */
export function uploadsOnAccount(
  uploads: Pick<Uploads, "take">,
  account: UploadAccount,
): Pick<Uploads, "take"> {
  return {
    take: (body: UploadBody, options: TakeOptions): Promise<Upload> =>
      uploads.take(body, { ...options, account }),
  };
}

/** The source of uploads for the requests of one tenant: it does not know those of others. */
export function sourceOfTenant(
  source: InputSource,
  { ledger, tenant }: Pick<UploadAccountOptions, "ledger" | "tenant">,
): InputSource {
  return {
    scheme: source.scheme,
    brokenRule: async (url) => {
      const key = uploadKeyOf(url.href);
      const owner = key === undefined ? tenant : await ledger.tenantOf(key);
      return (owner ?? DEFAULT_TENANT) === tenant ? await source.brokenRule(url) : UNKNOWN_UPLOAD;
    },
    fetch: (request) => source.fetch(request),
  };
}

function noRoom(maxBytes: number): TaskError {
  const message = `Cannot take the upload: your uploads may take ${maxBytes} bytes together until they expire; try again later`;
  return new TaskError("TENANT_FULL", message, { retryAfterMs: RETRY_AFTER_MS });
}

const RETRY_AFTER_MS = 600_000;
