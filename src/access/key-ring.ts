import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import type { Caller } from "../domain/caller.js";
import { TaskError } from "../domain/errors.js";
import type { Logger } from "../lib/logger.js";
import { repeat } from "../lib/repeat.js";
import type { KeyArchive, StoredKey } from "../store/key-archive.js";
import { keyIdOf, matches } from "./key-text.js";

/** What a {@link KeyRing} works with. */
export interface KeyRingOptions {
  readonly keys: KeyArchive;
  /** Whether the configuration has a tenant. The keys of one that it has no more open nothing. */
  readonly hasTenant: (tenant: string) => boolean;
  readonly logger: Logger;
  /** How often it is asked whether keys have changed, in milliseconds. @default 250 */
  readonly pollMs?: number;
}

interface Entry {
  readonly key: StoredKey;
  readonly hash: Uint8Array;
  readonly caller: Caller;
  readonly end: AbortController;
}

const POLL_MS = 250;
const USES_MS = 60_000;
/** A key that is not known may be a new one of another replica; it is looked for so often at most. */
const MIN_LOOK_MS = 100;

/**
 * The keys of the store in memory, so that no request waits for the store. Each replica asks often
 * whether they have changed, and ends what goes on under a key that was revoked or has expired.
 */
export class KeyRing implements AsyncDisposable {
  readonly #options: KeyRingOptions;
  readonly #uses = new Map<string, Date>();
  readonly #polling: AsyncDisposable;
  readonly #noting: AsyncDisposable;
  #entries: ReadonlyMap<string, Entry> = new Map();
  #version: number | undefined;
  #lookedAtMs = Number.NEGATIVE_INFINITY;
  #looking: Promise<void> | undefined;
  #soon: Promise<void> | undefined;

  private constructor(options: KeyRingOptions) {
    const { logger, pollMs = POLL_MS } = options;
    this.#options = options;
    const onError = (err: unknown) => logger.warn({ err }, "keys cannot be read, trying again");
    this.#polling = repeat(() => this.#look(), { pauseMs: pollMs, onError });
    this.#noting = repeat(() => this.#noteUses(), { pauseMs: USES_MS, onError });
  }

  /** Reads the keys. @throws TaskError STORE_UNAVAILABLE. */
  static async open(options: KeyRingOptions): Promise<KeyRing> {
    const ring = new KeyRing(options);
    try {
      await ring.#look();
      return ring;
    } catch (error) {
      await ring[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Whose key a text is, of those in memory; the same object for as long as the key holds. */
  find(text: string): Caller | undefined {
    const entry = this.#entries.get(keyIdOf(text) ?? "");
    if (!entry || !matches(text, entry.hash) || !isLiving(entry.key)) return undefined;
    this.#noteUse(entry.key);
    return entry.caller;
  }

  /** Like {@link find}, with a look whether another replica has made the key meanwhile. */
  async findNew(text: string): Promise<Caller | undefined> {
    if (keyIdOf(text) === undefined) return undefined;
    this.#soon ??= this.#lookSoon();
    await this.#soon;
    return this.find(text);
  }

  /** Looks whether keys have changed by now. */
  async refresh(): Promise<void> {
    // One that has begun may have read what was before.
    await this.#looking?.catch(() => undefined);
    await this.#look();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#polling[Symbol.asyncDispose]();
    await this.#noting[Symbol.asyncDispose]();
    await this.#noteUses().catch(() => undefined);
  }

  /** One look for all who ask meanwhile; it begins after they have asked. */
  async #lookSoon(): Promise<void> {
    await sleep(Math.max(0, this.#lookedAtMs + MIN_LOOK_MS - performance.now()));
    this.#soon = undefined;
    await this.refresh();
  }

  async #look(): Promise<void> {
    this.#looking ??= this.#read().finally(() => {
      this.#looking = undefined;
    });
    await this.#looking;
  }

  async #read(): Promise<void> {
    const { keys } = this.#options;
    this.#lookedAtMs = performance.now();
    // Asked for first: a change in between is then seen again, not missed.
    const version = await keys.version();
    if (version !== this.#version) {
      this.#hold(await keys.list());
      this.#version = version;
    }
    for (const { key, end } of this.#entries.values()) if (!isLiving(key)) end.abort(keyEnded());
  }

  #hold(keys: readonly StoredKey[]): void {
    const before = this.#entries;
    const living = keys.filter((key) => isLiving(key) && this.#options.hasTenant(key.tenant));
    this.#entries = new Map(
      living.map((key) => [key.keyId, before.get(key.keyId) ?? entryOf(key)]),
    );
    for (const [keyId, { end }] of before) if (!this.#entries.has(keyId)) end.abort(keyEnded());
  }

  #noteUse({ keyId, lastUsedAt }: StoredKey): void {
    const minuteMs = Math.floor(Date.now() / USES_MS) * USES_MS;
    const known = this.#uses.get(keyId) ?? lastUsedAt;
    if (known === undefined || known.getTime() < minuteMs)
      this.#uses.set(keyId, new Date(minuteMs));
  }

  async #noteUses(): Promise<void> {
    if (this.#uses.size === 0) return;
    const uses = new Map(this.#uses);
    await this.#options.keys.noteUsed(uses);
    for (const [keyId, at] of uses) if (this.#uses.get(keyId) === at) this.#uses.delete(keyId);
  }
}

function isLiving({ revokedAt, expiresAt }: StoredKey): boolean {
  return revokedAt === undefined && (expiresAt === undefined || expiresAt.getTime() > Date.now());
}

function entryOf(key: StoredKey): Entry {
  const end = new AbortController();
  // Every open stream has a listener on it.
  setMaxListeners(0, end.signal);
  const { tenant, keyId } = key;
  const caller: Caller = { tenant, keyId, scopes: new Set(key.scopes), ended: end.signal };
  return { key, hash: Buffer.from(key.hash, "hex"), caller, end };
}

function keyEnded(): TaskError {
  return new TaskError("UNAUTHENTICATED", "Cannot go on: the key was revoked or has expired");
}
