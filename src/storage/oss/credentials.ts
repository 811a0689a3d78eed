import { readFile } from "node:fs/promises";
import { z } from "zod";
import { TaskError } from "../../domain/errors.js";
import { defined } from "../../lib/defined.js";
import type { Logger } from "../../lib/logger.js";
import type { OssOptions } from "./options.js";

/** The key that signs requests. */
export interface OssAccessKey {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  readonly stsToken?: string;
  /** Absent: it does not expire, or that is not known. */
  readonly expiresAt?: Date;
}

/** A key is refreshed when it expires sooner than this, if it can be refreshed. */
const REFRESH_BEFORE_MS = 5 * 60_000;
/** After a failed refresh, the old key is used for this time before the next try. */
const REFRESH_PAUSE_MS = 10_000;
const FETCH_LIMIT_MS = 5_000;

/**
 * Gives the access key to sign with: a fixed key, or a key that is fetched again before it expires.
 */
export class OssCredentials {
  readonly #options: OssOptions;
  readonly #logger: Logger;
  readonly #now: () => number;
  #key: OssAccessKey | undefined;
  #fetching: Promise<OssAccessKey> | undefined;
  #refreshAtMs = 0;

  /** @param now the time in milliseconds, for tests. */
  constructor(options: OssOptions, logger: Logger, now: () => number = Date.now) {
    this.#options = options;
    this.#logger = logger;
    this.#now = now;
  }

  /**
   * The key to use now. The same object is returned until the key changes.
   *
   * @throws TaskError STORAGE_REFUSED if no key is configured, UPLOAD_FAILED if none can be fetched
   */
  async current(): Promise<OssAccessKey> {
    const { credentialsUrl } = this.#options;
    if (credentialsUrl === undefined) {
      this.#key ??= fixedKey(this.#options);
      return this.#key;
    }
    if (this.#key !== undefined && this.#now() < this.#refreshAtMs) return this.#key;
    this.#fetching ??= this.#refresh(credentialsUrl).finally(() => {
      this.#fetching = undefined;
    });
    return await this.#fetching;
  }

  /** OSS no longer accepts the key: the next call of {@link current} fetches a new one. */
  invalidate(): void {
    this.#refreshAtMs = 0;
  }

  async #refresh(url: string): Promise<OssAccessKey> {
    try {
      this.#key = await fetchKey(url);
      const expiresAtMs = this.#key.expiresAt?.getTime() ?? this.#now() + 2 * REFRESH_BEFORE_MS;
      this.#refreshAtMs = Math.max(expiresAtMs - REFRESH_BEFORE_MS, this.#now() + REFRESH_PAUSE_MS);
      return this.#key;
    } catch (thrown) {
      const hasLife = (this.#key?.expiresAt?.getTime() ?? 0) > this.#now();
      if (this.#key === undefined || !hasLife) throw thrown;
      this.#logger.warn({ err: thrown }, "OSS credentials not refreshed, using those in hand");
      this.#refreshAtMs = this.#now() + REFRESH_PAUSE_MS;
      return this.#key;
    }
  }
}

function fixedKey({ accessKeyId, accessKeySecret, stsToken }: OssOptions): OssAccessKey {
  if (accessKeyId === undefined || accessKeySecret === undefined)
    throw new TaskError(
      "STORAGE_REFUSED",
      "Cannot use OSS: set OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET, or OSS_CREDENTIALS_URL",
    );
  return defined({ accessKeyId, accessKeySecret, stsToken });
}

/** The form in which the metadata service of a machine's role and `AssumeRole` of STS answer. */
const FETCHED_KEY = z
  .object({
    AccessKeyId: z.string().min(1),
    AccessKeySecret: z.string().min(1),
    SecurityToken: z.string().min(1).optional(),
    Expiration: z.iso.datetime({ offset: true }).optional(),
  })
  .transform(
    ({ AccessKeyId, AccessKeySecret, SecurityToken, Expiration }): OssAccessKey =>
      defined({
        accessKeyId: AccessKeyId,
        accessKeySecret: AccessKeySecret,
        stsToken: SecurityToken,
        expiresAt: Expiration === undefined ? undefined : new Date(Expiration),
      }),
  );

async function fetchKey(url: string): Promise<OssAccessKey> {
  const text = await fetchText(url).catch((cause: unknown) => {
    throw unfetched(url, "it is out of reach", cause);
  });
  // The parsers' messages are left out, because they may quote the secret.
  const parsed = FETCHED_KEY.safeParse(parseJson(text));
  if (parsed.success) return parsed.data;
  throw unfetched(url, "its answer has no access key");
}

async function fetchText(url: string): Promise<string> {
  if (url.startsWith("file:")) return await readFile(new URL(url), "utf8");
  const response = await fetch(url, { signal: AbortSignal.timeout(FETCH_LIMIT_MS) });
  if (response.ok) return await response.text();
  throw new Error(`Server answered ${response.status}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unfetched(url: string, reason: string, cause?: unknown): TaskError {
  const { protocol, host, pathname } = new URL(url);
  const from = JSON.stringify(`${protocol}//${host}${pathname}`);
  const message = `Cannot get OSS credentials from ${from}: ${reason}, check OSS_CREDENTIALS_URL`;
  return new TaskError("UPLOAD_FAILED", message, { cause });
}
