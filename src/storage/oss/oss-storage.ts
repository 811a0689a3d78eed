import type { LookupFunction } from "node:net";
import type { Json } from "../../domain/task.js";
import { defined } from "../../lib/defined.js";
import type { Logger } from "../../lib/logger.js";
import { encodeKey, isSafeKey } from "../object-key.js";
import type {
  GetOptions,
  ObjectInfo,
  ObjectStorage,
  ObjectUrl,
  PutOptions,
  StoredFile,
} from "../object-storage.js";
import { type OssAddress, resolveOssAddress } from "./address.js";
import { parseCheckpoint } from "./checkpoint.js";
import { OssClient } from "./client.js";
import { OssCredentials } from "./credentials.js";
import { ossError } from "./errors.js";
import { isNoSuchUpload, OssFailure } from "./failure.js";
import { getFile, type Retry } from "./get-object.js";
import type { OssOptions } from "./options.js";
import { putFile } from "./put-object.js";
import { DEFAULT_RETRY, retrying } from "./retry.js";
import type { UploadLimits } from "./upload-object.js";

const MIB = 1024 * 1024;
/**
 * The key of an object that is never made. It is in the folder that a narrow policy would allow.
 */
const PROBE_KEY = "outputs/probe";

/**
 * What `createOssStorage` needs in addition to the settings. All fields but the logger are for
 * tests.
 */
export interface OssStorageContext {
  readonly logger: Logger;
  readonly limits?: Partial<UploadLimits>;
  /** How long a connection may be idle during a call. @default 60 000 */
  readonly idleMs?: number;
  /** @default the system's resolver */
  readonly lookup?: LookupFunction;
}

/**
 * Keeps objects in a bucket of Aliyun OSS. No connection is opened before the first use.
 *
 * @throws TaskError STORAGE_REFUSED if the settings contradict each other
 */
export function createOssStorage(options: OssOptions, context: OssStorageContext): ObjectStorage {
  return new OssStorage(options, context);
}

class OssStorage implements ObjectStorage {
  readonly #options: OssOptions;
  readonly #context: OssStorageContext;
  readonly #limits: UploadLimits;
  readonly #address: OssAddress;
  readonly #credentials: OssCredentials;
  readonly #closed = new AbortController();
  readonly #signer: OssClient;

  constructor(options: OssOptions, context: OssStorageContext) {
    this.#options = options;
    this.#context = context;
    this.#limits = { partSizeBytes: 8 * MIB, retry: DEFAULT_RETRY, ...context.limits };
    this.#address = resolveOssAddress(options);
    this.#credentials = new OssCredentials(options, context.logger);
    this.#signer = this.#openClient(this.#closed.signal);
  }

  async probe(signal: AbortSignal): Promise<void> {
    using client = this.#openClient(signal);
    const twice = { ...this.#limits.retry, tries: 2 };
    try {
      await retrying(() => client.sendToNowhere(PROBE_KEY), twice, signal);
    } catch (thrown) {
      if (isNoSuchUpload(thrown)) return;
      throw ossError(
        `store results in OSS bucket "${this.#address.bucket}"`,
        thrown,
        this.#address,
      );
    }
  }

  async put(file: StoredFile, options: PutOptions): Promise<void> {
    checkKey(file.key);
    const context = {
      limits: this.#limits,
      logger: this.#context.logger,
      openClient: (signal: AbortSignal) => this.#openClient(signal),
    };
    try {
      options.signal.throwIfAborted();
      await options.judged;
      await putFile(context, file, options);
    } catch (thrown) {
      options.signal.throwIfAborted();
      throw ossError(`store "${file.key}"`, thrown, this.#address);
    }
  }

  async discard(key: string, checkpoint: Json | undefined, signal: AbortSignal): Promise<void> {
    const found = parseCheckpoint(checkpoint, key);
    if (found === undefined) return;
    using client = this.#openClient(signal);
    try {
      await retrying(() => client.abortUpload(key, found.uploadId), this.#limits.retry, signal);
    } catch (thrown) {
      signal.throwIfAborted();
      if (!isNoSuchUpload(thrown)) throw ossError(`give up "${key}"`, thrown, this.#address);
    }
  }

  async url(key: string): Promise<ObjectUrl> {
    checkKey(key);
    const url = `${this.#address.publicBaseUrl}/${encodeKey(key)}`;
    const { signedUrlMs } = this.#options;
    if (signedUrlMs === undefined) return { url };
    const { expiresAt: keyExpiresAt } = await this.#credentials.current();
    const ttlSeconds = Math.floor(signedUrlMs / 1000);
    const signedAtMs = Math.floor(Date.now() / 1000) * 1000;
    const query = await this.#signer.signedQuery(key, ttlSeconds);
    // A URL expires at the latest with the temporary key that signed it.
    const expiresAtMs = Math.min(
      signedAtMs + ttlSeconds * 1000,
      keyExpiresAt?.getTime() ?? Infinity,
    );
    return { url: url + query, expiresAt: new Date(expiresAtMs) };
  }

  async find(key: string, signal: AbortSignal): Promise<ObjectInfo | undefined> {
    checkKey(key);
    return await this.#call(`look for "${key}"`, signal, async (client, retry) => {
      const { sizeBytes, modifiedAt } = await retry(() => client.head(key));
      return { key, sizeBytes, modifiedAt };
    });
  }

  async get(key: string, path: string, options: GetOptions): Promise<boolean> {
    checkKey(key);
    const found = await this.#call(`fetch "${key}"`, options.signal, async (client, retry) => {
      await getFile({ client, retry, key, path, ...options });
      return true;
    });
    return found ?? false;
  }

  async *list(folder: string, signal: AbortSignal): AsyncGenerator<ObjectInfo> {
    const action = `list "${folder}"`;
    for (let token: string | undefined, isLast = false; !isLast; isLast = token === undefined) {
      const page = await this.#call(action, signal, (client, retry) =>
        retry(() => client.list(folder, token)),
      );
      yield* page?.objects ?? [];
      token = page?.next;
    }
  }

  async remove(key: string, signal: AbortSignal): Promise<void> {
    checkKey(key);
    await this.#call(`remove "${key}"`, signal, (client, retry) => retry(() => client.remove(key)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed.abort();
    this.#signer[Symbol.dispose]();
  }

  /** @returns undefined if the object does not exist */
  async #call<T>(
    action: string,
    signal: AbortSignal,
    run: (client: OssClient, retry: Retry) => Promise<T>,
  ): Promise<T | undefined> {
    signal.throwIfAborted();
    using client = this.#openClient(signal);
    try {
      return await run(client, (each) => retrying(each, this.#limits.retry, signal));
    } catch (thrown) {
      signal.throwIfAborted();
      if (thrown instanceof OssFailure && thrown.code === "NoSuchKey") return undefined;
      throw ossError(action, thrown, this.#address);
    }
  }

  #openClient(signal: AbortSignal): OssClient {
    const { idleMs = 60_000, lookup } = this.#context;
    return new OssClient({
      ...{ address: this.#address, credentials: this.#credentials, signal, idleMs },
      ...defined({ lookup }),
    });
  }
}

function checkKey(key: string): void {
  if (!isSafeKey(key)) throw new Error(`Cannot keep ${JSON.stringify(key)}: it is no safe key`);
}
