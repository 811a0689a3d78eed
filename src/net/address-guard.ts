import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction, SocketAddress } from "node:net";
import { domainToASCII } from "node:url";
import ipaddr from "ipaddr.js";
import { TaskError } from "../domain/errors.js";
import { parseUrl } from "../lib/parse-url.js";

/** Decides which addresses inputs may be fetched from. */
export interface AddressGuard {
  /**
   * Why no connection to `address` may be opened; undefined if it may. `host` is the name that led
   * to the address. IPv4-mapped, NAT64 and 6to4 addresses are judged by the IPv4 address inside
   * them.
   */
  refusal(address: string, host: string): string | undefined;

  /**
   * Looks up a name for a socket. If one of the addresses is refused, the whole name is refused.
   * The socket connects to exactly the addresses that were judged.
   *
   * @throws TaskError INPUT_ADDRESS_NOT_ALLOWED, through the callback.
   */
  readonly lookup: LookupFunction;
}

/** Options of an address guard. */
export interface AddressGuardOptions {
  /**
   * Addresses, CIDR ranges and host names that are allowed although they are not public. Metadata
   * services of cloud providers are refused even so.
   */
  readonly allow: readonly string[];
  /** Resolves names. @default the system's resolver */
  readonly lookup?: LookupAll;
}

/** The one overload of {@link systemLookup} that the guard needs. */
export type LookupAll = (
  host: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Makes a guard that allows public addresses and the entries of `allow`.
 *
 * @throws Error that names an entry of `allow` that is not an address, a range or a host name.
 */
export function createAddressGuard(options: AddressGuardOptions): AddressGuard {
  const allowed = parseAllowList(options.allow);
  const metadata = blockList(METADATA_ADDRESSES);
  const notPublic = blockList(NOT_PUBLIC_RANGES);
  const globalIpv6 = blockList(GLOBAL_IPV6_RANGES);
  const lookupAll = options.lookup ?? systemLookup;

  function refusal(address: string, host: string): string | undefined {
    const judged = judgedAddress(address);
    if (judged === undefined) return "is not an IP address";
    if (metadata.check(judged)) return "is a cloud provider's metadata service";
    if (allowed.ranges.check(judged) || allowed.hosts.has(normalizeHost(host))) return undefined;
    if (notPublic.check(judged)) return "is not a public address";
    if (judged.family === "ipv6" && !globalIpv6.check(judged)) return "is not a public address";
    return undefined;
  }

  const lookup: LookupFunction = (host, { all }, callback) => {
    lookupAll(host, { all: true }, (error, addresses) => {
      const refused = addresses?.find(({ address }) => refusal(address, host) !== undefined);
      const [first] = addresses ?? [];
      if (error) callback(error, []);
      else if (refused) callback(addressNotAllowed(host, "has an address that is not public"), []);
      else if (first === undefined || all) callback(null, addresses);
      else callback(null, first.address, first.family);
    });
  };
  return { refusal, lookup };
}

/**
 * The problem of an input's URL as a sentence for its submitter, made from {@link brokenUrlRule}.
 * Undefined: no problem.
 */
export function checkInputUrl(url: string, guard: AddressGuard): string | undefined {
  const rule = /^https?:\/\//i.test(url) ? brokenUrlRule(url, guard) : SCHEME_RULE;
  return rule === undefined ? undefined : `url ${rule}`;
}

/**
 * The rule that an input's URL breaks ("must ..."), decided without DNS. Checks the scheme,
 * credentials in the URL, and literal addresses in every spelling that the URL standard allows.
 */
export function brokenUrlRule(url: string, guard: AddressGuard): string | undefined {
  const parsed = parseUrl(url);
  if (parsed === undefined) return "must be a complete http or https URL";
  const { protocol, username, password, hostname } = parsed;
  if (protocol !== "http:" && protocol !== "https:") return SCHEME_RULE;
  if (username !== "" || password !== "") return "must not contain a user name or password";
  const host = withoutBrackets(hostname);
  const refusal = isIP(host) === 0 ? undefined : guard.refusal(host, host);
  return refusal === undefined
    ? undefined
    : `must not lead to ${JSON.stringify(host)}, which ${refusal} and not allowed by the service's configuration`;
}

/** The error for a host or address that the guard refuses. */
export function addressNotAllowed(host: string, refusal: string): TaskError {
  return new TaskError(
    "INPUT_ADDRESS_NOT_ALLOWED",
    `Cannot download input from ${JSON.stringify(host)}: it ${refusal}, and the service's configuration does not allow it`,
  );
}

/** A host without the brackets that an IPv6 address has in a URL. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

const SCHEME_RULE = "must begin with http:// or https://";

/**
 * Special-purpose ranges from the IANA registries for IPv4 and IPv6, and Azure's platform address.
 */
const NOT_PUBLIC_RANGES = [
  "0.0.0.0/8",
  "10.0.0.0/8",
  "100.64.0.0/10",
  "127.0.0.0/8",
  "168.63.129.16/32",
  "169.254.0.0/16",
  "172.16.0.0/12",
  "192.0.0.0/24",
  "192.0.2.0/24",
  "192.31.196.0/24",
  "192.52.193.0/24",
  "192.88.99.0/24",
  "192.168.0.0/16",
  "192.175.48.0/24",
  "198.18.0.0/15",
  "198.51.100.0/24",
  "203.0.113.0/24",
  "224.0.0.0/4",
  "240.0.0.0/4",
  "2001::/23",
  "2001:db8::/32",
  "2620:4f:8000::/48",
  "3fff::/20",
];

/** The only IPv6 range that is assigned for public use. */
const GLOBAL_IPV6_RANGES = ["2000::/3"];

/**
 * Metadata services give out the machine's credentials, so no entry of `allow` opens these
 * addresses.
 */
const METADATA_ADDRESSES = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"];

/**
 * IPv6 prefixes that contain an IPv4 address, and the byte where it begins (RFC 4291, 6052, 3056).
 */
const EMBEDDING: readonly (readonly [range: string, firstByte: number])[] = [
  ["::ffff:0:0/96", 12],
  ["64:ff9b::/96", 12],
  ["2002::/16", 2],
];

/**
 * The address to judge: the IPv4 address inside an IPv6 one, otherwise the address itself.
 * Undefined if the text is not an address.
 */
function judgedAddress(text: string): SocketAddress | undefined {
  if (isIP(text) === 0) return undefined;
  if (isIP(text) === 4) return new SocketAddress({ address: text, family: "ipv4" });
  const parsed = ipaddr.parse(text);
  const bytes = parsed.toByteArray();
  const embedding = EMBEDDING.find(([range]) => parsed.match(ipaddr.parseCIDR(range)));
  if (embedding === undefined)
    return new SocketAddress({ address: ipaddr.fromByteArray(bytes).toString(), family: "ipv6" });
  const address = bytes.slice(embedding[1], embedding[1] + 4).join(".");
  return new SocketAddress({ address, family: "ipv4" });
}

function parseAllowList(entries: readonly string[]): { ranges: BlockList; hosts: Set<string> } {
  const names = entries.filter((entry) => !isRange(entry));
  const wrong = names.find((name) => !isHostName(name));
  if (wrong !== undefined)
    throw new Error(
      `Cannot allow inputs from ${JSON.stringify(wrong)}: it is no address, CIDR range or host name`,
    );
  return { ranges: blockList(entries.filter(isRange)), hosts: new Set(names.map(normalizeHost)) };
}

function isRange(entry: string): boolean {
  const [address = ""] = entry.split("/");
  return isIP(address) !== 0 && (address === entry || ipaddr.isValidCIDR(entry));
}

function isHostName(entry: string): boolean {
  return !entry.includes("/") && /^[\w-]+(\.[\w-]+)*$/.test(normalizeHost(entry));
}

function blockList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = "", prefix] = range.split("/");
    const family = isIP(address) === 6 ? "ipv6" : "ipv4";
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return list;
}

/** A host name in the form for comparing: lower case, ASCII, without a final dot. */
function normalizeHost(host: string): string {
  return domainToASCII(host).toLowerCase().replace(/\.$/, "");
}
