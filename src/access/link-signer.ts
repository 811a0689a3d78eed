import { createHmac, timingSafeEqual } from "node:crypto";

/** The query parameters of a signed link. */
export interface LinkQuery {
  readonly expires?: unknown;
  readonly signature?: unknown;
}

const MAX_QUERIES = 10_000;

/**
 * Signs links to single files, for what sends no headers: `<img>`, players, and whoever gets a result's
 * URL. A link opens one path, or all that shows one task, until it expires, whatever becomes of the key
 * that it was made for.
 */
export class LinkSigner {
  readonly #secret: Uint8Array;
  readonly #queries = new Map<string, string>();

  /** @param secret the same for all replicas. */
  constructor(secret: Uint8Array) {
    this.#secret = secret;
  }

  /** @param url one without a query; its path is signed, as it is written. @returns the URL with `expires` and `signature`. */
  sign(url: string, expiresAt: Date): string {
    return `${url}?${this.#queryFor(url, () => new URL(url).pathname, expiresAt)}`;
  }

  /** The query of links to what shows a task: its previews and its input. */
  queryOf(taskId: string, expiresAt: Date): string {
    return this.#queryFor(taskId, () => `/tasks/${taskId}/input`, expiresAt);
  }

  /** Whether a request for a path came with a link of ours that holds. */
  isSigned(path: string, { expires, signature }: LinkQuery): boolean {
    if (typeof expires !== "string" || typeof signature !== "string") return false;
    if (!/^\d{1,12}$/.test(expires) || Number(expires) * 1000 <= Date.now()) return false;
    const [given, right] = [signature, this.#signature(path, expires)].map((text) =>
      Buffer.from(text),
    ) as [Buffer, Buffer];
    return given.length === right.length && timingSafeEqual(given, right);
  }

  /** Kept, since tasks are shown again and again. */
  #queryFor(subject: string, pathOf: () => string, expiresAt: Date): string {
    const expires = String(Math.ceil(expiresAt.getTime() / 1000));
    const id = `${subject}\n${expires}`;
    const known = this.#queries.get(id);
    if (known !== undefined) return known;
    const query = `expires=${expires}&signature=${this.#signature(pathOf(), expires)}`;
    if (this.#queries.size >= MAX_QUERIES) this.#queries.clear();
    this.#queries.set(id, query);
    return query;
  }

  #signature(path: string, expires: string): string {
    return createHmac("sha256", this.#secret)
      .update(`${scopeOf(path)}\n${expires}`)
      .digest("base64url");
  }
}

/** All that shows one task is opened by one signature: a playlist names many files. */
function scopeOf(path: string): string {
  const [, task] = /^(\/tasks\/[^/]+\/)(?:input\/?$|preview[./])/.exec(path) ?? [];
  return task ?? path;
}
