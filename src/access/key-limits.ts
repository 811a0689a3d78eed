import { TaskError } from "../domain/errors.js";
import type { Logger } from "../lib/logger.js";
import type { RateBuckets } from "../store/rate-buckets.js";
import { KeyBucket } from "./key-bucket.js";

/** What one key may use in a minute; absent: any number. */
export interface Limits {
  readonly requestsPerMinute?: number;
  readonly uploadBytesPerMinute?: number;
}

/** What {@link KeyLimits} works with. */
export interface KeyLimitsOptions extends Limits {
  readonly buckets: RateBuckets;
  readonly logger: Logger;
  /** Milliseconds of any steady clock. @default performance.now */
  readonly now?: () => number;
}

/** What came of charging a key for a request. */
export interface Charge {
  /** `RateLimit` and `RateLimit-Policy`. */
  readonly headers: Readonly<Record<string, string>>;
  /** RATE_LIMITED: the request is not to be served. */
  readonly refusal?: TaskError;
}

interface Policy {
  readonly name: string;
  readonly perMinute: number;
  /** As `RateLimit-Policy` has it. */
  readonly text: string;
}

const WINDOW_SECONDS = 60;

/** Limits what is done under each key, by buckets that all replicas share. */
export class KeyLimits {
  readonly #options: KeyLimitsOptions;
  readonly #requests: Policy | undefined;
  readonly #bytes: Policy | undefined;
  readonly #byKey = new Map<string, KeyBucket>();

  constructor(options: KeyLimitsOptions) {
    this.#options = options;
    this.#requests = policyOf("requests", options.requestsPerMinute, "");
    this.#bytes = policyOf("upload-bytes", options.uploadBytesPerMinute, ';qu="content-bytes"');
  }

  /**
   * Counts a request. That of an upload is refused too while the key owes bytes; one that has begun
   * is never cut.
   */
  async charge(keyId: string, isUpload: boolean): Promise<Charge> {
    const policies = [this.#requests, ...(isUpload ? [this.#bytes] : [])].flatMap((p) => p ?? []);
    let refusal: TaskError | undefined;
    for (const policy of policies) {
      const bucket = this.#bucketOf(policy, keyId);
      if (refusal !== undefined || bucket.takeHeld()) continue;
      const waitMs = await bucket.take();
      if (waitMs !== undefined) refusal = limited(policy, waitMs);
    }
    const headers = policies.length === 0 ? {} : this.#headersOf(policies, keyId);
    return refusal === undefined ? { headers } : { headers, refusal };
  }

  /** Counts bytes of an upload that have arrived. */
  spendBytes(keyId: string, byteCount: number): void {
    if (this.#bytes !== undefined) this.#bucketOf(this.#bytes, keyId).spend(byteCount);
  }

  /** By draft-ietf-httpapi-ratelimit-headers-10, sections 3 and 4. `t`: when the bucket is full again. */
  #headersOf(policies: readonly Policy[], keyId: string): Readonly<Record<string, string>> {
    const left = policies.map((policy) => {
      const { remaining, fullInSeconds } = this.#bucketOf(policy, keyId);
      return `"${policy.name}";r=${remaining};t=${fullInSeconds}`;
    });
    return {
      "ratelimit-policy": policies.map(({ text }) => text).join(", "),
      ratelimit: left.join(", "),
    };
  }

  #bucketOf({ name, perMinute }: Policy, keyId: string): KeyBucket {
    const id = `${name}:${keyId}`;
    const known = this.#byKey.get(id);
    if (known !== undefined) return known;
    const { buckets, logger, now = () => performance.now() } = this.#options;
    const bucket = { id, capacity: perMinute, perSecond: perMinute / WINDOW_SECONDS };
    const made = new KeyBucket({ bucket, buckets, logger, now });
    this.#byKey.set(id, made);
    return made;
  }
}

function policyOf(name: string, perMinute: number | undefined, unit: string): Policy | undefined {
  if (perMinute === undefined) return undefined;
  return { name, perMinute, text: `"${name}";q=${perMinute}${unit};w=${WINDOW_SECONDS}` };
}

function limited({ name, perMinute }: Policy, retryAfterMs: number): TaskError {
  const what = name === "requests" ? "requests" : "bytes of uploads";
  const message = `Cannot serve the request: the key may use ${perMinute} ${what} a minute`;
  return new TaskError("RATE_LIMITED", message, { retryAfterMs });
}
