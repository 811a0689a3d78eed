import { type LookupAddress, lookup as systemLookup } from "node:dns";
import { BlockList, isIP, type LookupFunction } from "node:net";
import { domainToASCII } from "node:url";
import ipaddr from "ipaddr.js";
import { TaskError } from "../domain/errors.js";

/** Judges the addresses that inputs may be fetched from. */
export interface AddressGuard {
  /**
   * Why no connection may be opened to `address`, reached by the name `host`; undefined: it may.
   * IPv4-mapped, NAT64 and 6to4 addresses are judged by the IPv4 address inside them.
   */
  refusal(address: string, host: string): string | undefined;

  /**
   * Looks up a name for a socket. One refused address among the answers refuses the name, and the
   * socket connects to the very addresses that were judged.
   *
   * @throws TaskError INPUT_ADDRESS_NOT_ALLOWED, through the callback.
   */
  readonly lookup: LookupFunction;
}

/** What a guard lets through. */
export interface AddressGuardOptions {
  /**
   * Addresses, CIDR ranges and host names that inputs may come from although they are not public.
   * Metadata services of cloud providers stay refused.
   */
  readonly allow: readonly string[];
  /** Resolves names. @default the system's resolver */
  readonly lookup?: LookupAll;
}

/** The one form of {@link systemLookup} that the guard needs. */
export type LookupAll = (
  host: string,
  options: { readonly all: true },
  callback: (error: NodeJS.ErrnoException | null, addresses: LookupAddress[]) => void,
) => void;

/**
 * Makes a guard that lets public addresses through, and those of `allow`.
 *
 * @throws Error naming the entry of `allow` that is no address, range or host name.
 */
export function createAddressGuard(options: AddressGuardOptions): AddressGuard {
  const allowed = parseAllowList(options.allow);
  const metadata = blockList(METADATA_ADDRESSES);
  const notPublic = blockList(NOT_PUBLIC_RANGES);
  const globalIpv6 = blockList(GLOBAL_IPV6_RANGES);
  const lookupAll = options.lookup ?? systemLookup;

  function refusal(address: string, host: string): string | undefined {
    const judged = embeddedAddress(address);
    if (judged === undefined) return "is not an IP address";
    if (matches(metadata, judged)) return "is a cloud provider's metadata service";
    if (allowed.hosts.has(normalizeHost(host)) || matches(allowed.ranges, judged)) return undefined;
    if (matches(notPublic, judged)) return "is not a public address";
    if (isIP(judged) === 6 && !matches(globalIpv6, judged)) return "is not a public address";
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
 * What is wrong with an input's URL, for whoever submits it: {@link brokenUrlRule} as a sentence.
 * Undefined: nothing.
 */
export function checkInputUrl(url: string, guard: AddressGuard): string | undefined {
  const rule = /^https?:\/\//i.test(url) ? brokenUrlRule(url, guard) : SCHEME_RULE;
  return rule === undefined ? undefined : `url ${rule}`;
}

/**
 * The rule that an input's URL breaks ("must ..."), judged without asking DNS: its scheme,
 * credentials in it, and a literal address in any spelling that the URL standard reads as one.
 */
export function brokenUrlRule(url: string, guard: AddressGuard): string | undefined {
  if (!URL.canParse(url)) return "must be a complete http or https URL";
  const { protocol, username, password, hostname } = new URL(url);
  if (protocol !== "http:" && protocol !== "https:") return SCHEME_RULE;
  if (username !== "" || password !== "") return "must not contain a user name or password";
  const host = withoutBrackets(hostname);
  const refusal = isIP(host) === 0 ? undefined : guard.refusal(host, host);
  return refusal === undefined
    ? undefined
    : `must not lead to ${JSON.stringify(host)}, which ${refusal} and not allowed by the service's configuration`;
}

/** The error of a host or address that the guard refuses. */
export function addressNotAllowed(host: string, refusal: string): TaskError {
  return new TaskError(
    "INPUT_ADDRESS_NOT_ALLOWED",
    `Cannot download input from ${JSON.stringify(host)}: it ${refusal}, and the service's configuration does not allow it`,
  );
}

/** An IPv6 host without the brackets it has in a URL; any other host as it is. */
export function withoutBrackets(hostname: string): string {
  return hostname.replace(/^\[(.*)\]$/, "$1");
}

const SCHEME_RULE = "must begin with http:// or https://";

/** Special-purpose ranges: the IANA registries for IPv4 and IPv6, and Azure's platform address. */
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

/** The only part of IPv6 that is handed out for public use. */
const GLOBAL_IPV6_RANGES = ["2000::/3"];

/** Credentials of the machine are read here, so that no allowed range may open it. */
const METADATA_ADDRESSES = ["169.254.169.254", "100.100.100.200", "fd00:ec2::254"];

/** The prefixes that carry an IPv4 address, and the byte where it begins (RFC 4291, 6052, 3056). */
const EMBEDDING: readonly (readonly [range: string, firstByte: number])[] = [
  ["::ffff:0:0/96", 12],
  ["64:ff9b::/96", 12],
  ["2002::/16", 2],
];

/** The address to judge: the IPv4 address inside an IPv6 one, else itself; undefined if it is none. */
function embeddedAddress(address: string): string | undefined {
  if (isIP(address) === 0) return undefined;
  const parsed = ipaddr.parse(address);
  const embedding = EMBEDDING.find(
    ([range]) => parsed.kind() === "ipv6" && parsed.match(ipaddr.parseCIDR(range)),
  );
  if (embedding === undefined) return ipaddr.fromByteArray(parsed.toByteArray()).toString();
  return parsed
    .toByteArray()
    .slice(embedding[1], embedding[1] + 4)
    .join(".");
}

function matches(list: BlockList, address: string): boolean {
  return list.check(address, isIP(address) === 6 ? "ipv6" : "ipv4");
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

/** A host name as names are compared: lower case, in ASCII, without the root's dot. */
function normalizeHost(host: string): string {
  return domainToASCII(host).toLowerCase().replace(/\.$/, "");
}
