import { isIP } from "node:net";
import { TaskError } from "../../domain/errors.js";
import { parseUrl } from "../../lib/parse-url.js";
import type { OssOptions } from "./options.js";

/** Where calls go, and the beginning of the objects' URLs. */
export interface OssAddress {
  /** Scheme, host and port, without the bucket. */
  readonly endpoint: string;
  /**
   * Where the bucket is named: before the host, in the first path segment, or by the domain itself.
   */
  readonly style: "host" | "path" | "cname";
  readonly bucket: string;
  /** Part of every V4 signature, e.g. `cn-hangzhou`. */
  readonly region: string;
  /** The beginning of object URLs, without a slash at the end. */
  readonly publicBaseUrl: string;
}

/**
 * Works out the address without I/O. @throws TaskError STORAGE_REFUSED that names the setting to
 * change
 */
export function resolveOssAddress(options: OssOptions): OssAddress {
  const given = parseEndpoint(options.endpoint);
  const style = styleOf(given.hostname, options.cname);
  const called = options.internal ? internalOf(given, options) : given;
  return {
    endpoint: called.origin,
    style,
    bucket: options.bucket,
    region: regionOf(given.hostname, options),
    publicBaseUrl: options.publicBaseUrl ?? baseUrlOf(given, style, options.bucket),
  };
}

function parseEndpoint(endpoint: string): URL {
  const text = /^[a-z]+:\/\//i.test(endpoint) ? endpoint : `https://${endpoint}`;
  const url = parseUrl(text);
  const isPlain = url?.pathname === "/" && url.search === "" && url.username === "";
  if (isPlain && /^https?:$/.test(url.protocol)) return url;
  throw refused(
    endpoint,
    "it must be a host name with no path, such as oss-cn-hangzhou.aliyuncs.com",
  );
}

function styleOf(hostname: string, isCname: boolean): OssAddress["style"] {
  if (isCname) return "cname";
  const isAddress = isIP(hostname.replace(/^\[|\]$/g, "")) !== 0;
  return isAddress || !hostname.includes(".") ? "path" : "host";
}

/** `oss-REGION.aliyuncs.com`. Accelerated endpoints belong to no region and do not match. */
const REGIONAL = /^oss-(?!accelerate)([a-z0-9-]+?)(-internal)?\.aliyuncs\.com$/;

function regionOf(hostname: string, { region, endpoint }: OssOptions): string {
  const found = region?.replace(/^oss-/, "") ?? REGIONAL.exec(hostname)?.[1];
  if (found !== undefined) return found;
  throw refused(endpoint, "its name tells no region, set OSS_REGION");
}

function internalOf(given: URL, { endpoint }: OssOptions): URL {
  const region = REGIONAL.exec(given.hostname)?.[1];
  if (region === undefined)
    throw refused(
      endpoint,
      "only oss-REGION.aliyuncs.com has an internal endpoint, unset OSS_INTERNAL",
    );
  const url = new URL(given);
  url.hostname = `oss-${region}-internal.aliyuncs.com`;
  return url;
}

function baseUrlOf(given: URL, style: OssAddress["style"], bucket: string): string {
  if (style === "cname") return given.origin;
  if (style === "path") return `${given.origin}/${bucket}`;
  const host = given.host.replace(/-internal\.aliyuncs\.com/, ".aliyuncs.com");
  return `${given.protocol}//${bucket}.${host}`;
}

function refused(endpoint: string, reason: string): TaskError {
  const shown = JSON.stringify(endpoint.replace(/\/\/.*@/, "//"));
  return new TaskError("STORAGE_REFUSED", `Cannot use the OSS endpoint ${shown}: ${reason}`);
}
