/** The address of a service, in the forms that client libraries want. */
export interface Address {
  /** e.g. `http://localhost:6008` */
  readonly baseUrl: string;
  /** e.g. `localhost:6008` */
  readonly hostAndPort: string;
  readonly isSecure: boolean;
}

/**
 * Reads an address: an http(s) URL, or `host:port`, which means http. The default port is that of
 * the scheme.
 *
 * @throws TypeError for anything else.
 */
export function parseAddress(address: string): Address {
  const text = /^https?:\/\//i.test(address) ? address : `http://${address}`;
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined || url.pathname !== "/")
    throw new TypeError(`Cannot read address "${address}": it must be a URL or host:port`);
  const isSecure = url.protocol === "https:";
  const port = url.port === "" ? DEFAULT_PORTS[isSecure ? "https" : "http"] : url.port;
  return { baseUrl: url.origin, hostAndPort: `${url.hostname}:${port}`, isSecure };
}

const DEFAULT_PORTS = { http: 80, https: 443 } as const;
