import { Code, ConnectError, type Interceptor } from "@connectrpc/connect";
import { type ReadonlySignal, signal } from "@preact/signals";

const STORAGE_KEY = "tmlsr-key";

/**
 * The key that the service may ask for. It is kept for the tab alone, sent as a header and never as
 * part of a URL.
 */
export class Access {
  readonly #isAsked = signal(false);
  readonly #key = sessionStorage.getItem(STORAGE_KEY) ?? "";

  /** Whether the service has refused a call for want of a key that it knows. */
  get isAsked(): ReadonlySignal<boolean> {
    return this.#isAsked;
  }

  /** Empty: none. */
  get key(): string {
    return this.#key;
  }

  /** The value of the header `Authorization`; undefined: it is not sent. */
  get header(): string | undefined {
    return this.#key === "" ? undefined : `Bearer ${this.#key}`;
  }

  /** Uses another key from now on, or none: the page begins anew, since other tasks are its. */
  use(key: string): void {
    if (key === "") sessionStorage.removeItem(STORAGE_KEY);
    else sessionStorage.setItem(STORAGE_KEY, key);
    location.reload();
  }

  /** Looks at every call: gives it the key, and sees whether the service asks for one. */
  readonly interceptor: Interceptor = (next) => async (request) => {
    if (this.header !== undefined) request.header.set("Authorization", this.header);
    try {
      return await next(request);
    } catch (thrown) {
      if (ConnectError.from(thrown).code === Code.Unauthenticated) this.#isAsked.value = true;
      throw thrown;
    }
  };
}
