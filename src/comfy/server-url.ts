import { TaskError } from "../domain/errors.js";

/**
 * A server's URL, and everything that is sent with each call. A gateway in front of ComfyUI may
 * need a path prefix, credentials, headers or a token in the query. They are used for HTTP and
 * WebSocket. ComfyUI itself has no authentication.
 */
export class ServerUrl {
  /**
   * The URL without credentials, query and final slash. It names the server in logs, messages and
   * the store.
   */
  readonly address: string;
  /** The headers of every call, with lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly #base: URL;

  /** @throws TaskError INVALID_REQUEST for a URL that is not http(s), and for invalid headers */
  constructor(url: string, headers: Readonly<Record<string, string>> = {}) {
    const base = parse(url);
    const merged = mergeHeaders(base, headers);
    if (merged === undefined) throw invalid("its credentials or headers cannot be sent");
    this.headers = merged;
    base.username = "";
    base.password = "";
    base.hash = "";
    base.pathname = base.pathname.replace(/\/+$/, "");
    this.#base = base;
    this.address = `${base.protocol}//${base.host}${base.pathname.replace(/\/$/, "")}`;
  }

  /** The URL of an endpoint. `path` begins with a slash; the caller encodes its segments. */
  http(path: string, query: Readonly<Record<string, string>> = {}): URL {
    const url = new URL(this.#base);
    url.pathname = this.#base.pathname.replace(/\/$/, "") + path;
    for (const [name, value] of Object.entries(query)) url.searchParams.append(name, value);
    return url;
  }

  /** The URL of the event socket for a client id. */
  socket(clientId: string): URL {
    const url = this.http("/ws", { clientId });
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    return url;
  }
}

function parse(text: string): URL {
  if (!URL.canParse(text)) throw invalid("it is not a URL");
  const url = new URL(text);
  if (url.protocol === "http:" || url.protocol === "https:") return url;
  throw invalid(`its scheme is "${url.protocol}"; use http or https`);
}

function mergeHeaders(
  url: URL,
  headers: Readonly<Record<string, string>>,
): Record<string, string> | undefined {
  const merged = new Headers();
  try {
    if (url.username !== "" || url.password !== "") {
      const credentials = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
      merged.set("authorization", `Basic ${Buffer.from(credentials).toString("base64")}`);
    }
    for (const [name, value] of Object.entries(headers)) merged.set(name, value);
  } catch {
    return undefined;
  }
  return Object.fromEntries(merged);
}

// The URL and the cause are left out, because both may contain a password.
function invalid(reason: string): TaskError {
  return new TaskError("INVALID_REQUEST", `Cannot use ComfyUI server: ${reason}`);
}
