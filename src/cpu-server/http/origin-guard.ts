import ipaddr from "ipaddr.js";
import { parseUrl } from "../../lib/parse-url.js";

/**
 * Whether a page of another site asks: `Host` is a loopback name, and host or port of `Origin`
 * differ from it. Ports are compared only if both headers have one.
 */
export function isForeignOrigin(host: string | undefined, origin: string | undefined): boolean {
  if (host === undefined || origin === undefined) return false;
  const asked = parseUrl(`http://${host}`);
  const from = parseUrl(origin);
  if (asked === undefined || from === undefined || !isLoopback(asked.hostname)) return false;
  if (asked.port === "" || from.port === "") return asked.hostname !== from.hostname;
  return asked.host !== from.host;
}

function isLoopback(hostname: string): boolean {
  const name = hostname.replace(/^\[|\]$/g, "");
  if (name === "localhost") return true;
  return ipaddr.isValid(name) && ipaddr.process(name).range() === "loopback";
}
