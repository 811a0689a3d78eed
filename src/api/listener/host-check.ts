import type { IncomingHttpHeaders } from "node:http";
import ipaddr from "ipaddr.js";
import { TaskError } from "../../domain/errors.js";

/** What of a request says which host it is for. */
export interface HostedRequest {
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders & { readonly ":authority"?: string | undefined };
}

/** Whether an address that is listened on can be reached from this machine alone. */
export function isLoopback(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}

/**
 * Judges which host requests are for: a page of any origin can have its name lead to this machine
 * (DNS rebinding) and then call what listens on loopback, as if it were its own; the name stays in the
 * request. Loopback addresses and `localhost` are let through, and the names of `allowed`, at any
 * port.
 *
 * @param allowed names and addresses, without ports.
 * @returns the error of a request for another host; undefined: it is let through.
 */
export function createHostCheck(
  allowed: readonly string[],
): (request: HostedRequest) => TaskError | undefined {
  const names = new Set(["localhost", ...allowed.map(hostNameOf)]);
  // Clients say the same in every request, and reading an address costs more than the rest of it.
  const passed = new Set<string>();
  const judge = (host: string): TaskError | undefined => {
    const name = hostNameOf(host);
    if (name === undefined) return new TaskError("INVALID_REQUEST", NO_HOST);
    if (!names.has(name) && !isLoopback(name)) return notAllowed(name);
    if (passed.size < MAX_PASSED) passed.add(host);
    return undefined;
  };
  return (request) => {
    const host = hostsOf(request).find((one) => !passed.has(one) && judge(one) !== undefined);
    return host === undefined ? undefined : judge(host);
  };
}

/** A loopback address with any port passes: more of them than this are judged each time. */
const MAX_PASSED = 256;

const NO_HOST = "Cannot serve the request: it does not say which host it is for";

function notAllowed(name: string): TaskError {
  return new TaskError(
    "HOST_NOT_ALLOWED",
    `Cannot serve the request: it is for the host "${name}", and this service listens on loopback only; ` +
      "if the name is meant to lead here, add it to TMLSR_ALLOWED_HOSTS (server.allowed_hosts)",
  );
}

/** Every host that a request names: none before HTTP/1.1, a browser always one. */
function hostsOf({ url = "", headers }: HostedRequest): string[] {
  // RFC 9112, 3.2.2: the absolute form of a URL names one, too.
  const [, inUrl] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  return [headers[":authority"], headers.host, inUrl].filter((host) => host !== undefined);
}

/** The name or address of a host as URLs have it, without port and brackets; undefined for what is none. */
function hostNameOf(host: string): string | undefined {
  const bracketed = host.includes(":") && ipaddr.isValid(host) ? `[${host}]` : host;
  const url = `http://${bracketed}`;
  if (!/^[^\s/?#@\\]+$/.test(host) || !URL.canParse(url)) return undefined;
  return new URL(url).hostname.replace(/^\[|\]$|\.$/g, "");
}
