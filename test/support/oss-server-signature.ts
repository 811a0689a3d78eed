/**
 * Signatures of OSS as Aliyun documents them: "Include a V1 signature in the Authorization header",
 * "... in a URL", and the same two pages for V4. They are computed from that text alone, so that
 * the adapter is checked by code that shares nothing with it.
 */
import { createHash, createHmac, timingSafeEqual } from "node:crypto";
import { OssRefusal } from "./oss-server-refusal.js";

/** The parts of a request that signatures depend on. */
export interface SignedRequest {
  readonly method: string;
  /** Absent for requests about the account. */
  readonly bucket?: string;
  /** Decoded. Empty for requests about the bucket. */
  readonly key: string;
  /** Decoded, in any order. A parameter without a value has an empty value. */
  readonly query: readonly (readonly [string, string])[];
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** The account whose signatures are accepted. */
export interface Signer {
  readonly accessKeyId: string;
  readonly accessKeySecret: string;
  /** If it is set, every request must contain it. */
  readonly stsToken?: string;
  /** Without `oss-`. */
  readonly region: string;
}

/** How a request was signed. */
export type SignatureKind = "v1" | "v4" | "v1-url" | "v4-url" | "none";

const MAX_SKEW_MS = 15 * 60_000;
const MAX_URL_SECONDS = 604_800;

/** Checks the signature of a request. @throws OssRefusal with the code and status of OSS */
export function verifySignature(
  request: SignedRequest,
  signer: Signer,
  nowMs: number,
): SignatureKind {
  const authorization = header(request, "authorization");
  const parameter = (name: string): string | undefined =>
    request.query.find(([key]) => key === name)?.[1];
  if (authorization?.startsWith("OSS4-HMAC-SHA256 "))
    return verifyV4Header(request, authorization, signer, nowMs);
  if (authorization?.startsWith("OSS "))
    return verifyV1Header(request, authorization, signer, nowMs);
  if (authorization !== undefined)
    throw new OssRefusal(400, "InvalidArgument", "Authorization header is invalid.");
  if (parameter("x-oss-signature-version") === "OSS4-HMAC-SHA256")
    return verifyV4Url(request, parameter, signer, nowMs);
  if (parameter("OSSAccessKeyId") !== undefined)
    return verifyV1Url(request, parameter, signer, nowMs);
  return "none";
}

/** The V4 signature of a request, in hexadecimal. */
export function signV4(
  request: SignedRequest,
  options: {
    readonly accessKeySecret: string;
    readonly region: string;
    /** `YYYYMMDDTHHMMSSZ` */
    readonly date: string;
    /** Signed headers in addition to those that are always signed. */
    readonly additionalHeaders?: readonly string[];
  },
): string {
  const { accessKeySecret, region, date, additionalHeaders = [] } = options;
  const day = date.slice(0, 8);
  const scope = `${day}/${region}/oss/aliyun_v4_request`;
  const canonical = canonicalRequestV4(request, additionalHeaders);
  const text = [
    "OSS4-HMAC-SHA256",
    date,
    scope,
    createHash("sha256").update(canonical).digest("hex"),
  ].join("\n");
  const steps = [day, region, "oss", "aliyun_v4_request"];
  const key = steps.reduce<Buffer | string>(
    (secret, step) => hmac("sha256", secret, step),
    `aliyun_v4${accessKeySecret}`,
  );
  return hmac("sha256", key, text).toString("hex");
}

/**
 * The V1 signature of a request, in base64. @param date the date header's value, or the time when a
 * URL expires
 */
export function signV1(request: SignedRequest, accessKeySecret: string, date: string): string {
  const head = [
    request.method,
    header(request, "content-md5") ?? "",
    header(request, "content-type") ?? "",
    date,
  ];
  const ossHeaders = headerNames(request)
    .filter((name) => name.startsWith("x-oss-"))
    .map((name) => `${name}:${header(request, name)?.trim()}\n`);
  const subresources = request.query
    .filter(([name]) => SUBRESOURCES.has(name))
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  const resource = request.bucket === undefined ? "/" : `/${request.bucket}/${request.key}`;
  const suffix = subresources.length > 0 ? `?${subresources.join("&")}` : "";
  const text = `${head.join("\n")}\n${ossHeaders.join("")}${resource}${suffix}`;
  return hmac("sha1", accessKeySecret, text).toString("base64");
}

function canonicalRequestV4(request: SignedRequest, additionalHeaders: readonly string[]): string {
  const { method, bucket, key, query } = request;
  const path = bucket === undefined ? "/" : `/${bucket}/${key}`;
  const parameters = query
    .filter(([name]) => name !== "x-oss-signature")
    .map(([name, value]) => [encode(name), encode(value)] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => (value === "" ? name : `${name}=${value}`));
  const additional = [...new Set(additionalHeaders.map((name) => name.toLowerCase()))]
    .filter((name) => !isAlwaysSigned(name))
    .sort();
  const headers = headerNames(request)
    .filter((name) => isAlwaysSigned(name) || additional.includes(name))
    .map((name) => `${name}:${header(request, name)?.trim()}\n`);
  return [
    method,
    path.split("/").map(encode).join("/"),
    parameters.join("&"),
    headers.join(""),
    additional.join(";"),
    header(request, "x-oss-content-sha256") ?? "UNSIGNED-PAYLOAD",
  ].join("\n");
}

function isAlwaysSigned(name: string): boolean {
  return name === "content-type" || name === "content-md5" || name.startsWith("x-oss-");
}

const V4_HEADER =
  /^OSS4-HMAC-SHA256 Credential=([^/]+)\/(\d{8})\/([^/]+)\/oss\/aliyun_v4_request, ?(?:AdditionalHeaders=([^,]+), ?)?Signature=([0-9a-f]{64})$/;

function verifyV4Header(
  request: SignedRequest,
  authorization: string,
  signer: Signer,
  nowMs: number,
): SignatureKind {
  const [, accessKeyId, day, region, additional, signature] = V4_HEADER.exec(authorization) ?? [];
  if (signature === undefined)
    throw new OssRefusal(400, "InvalidArgument", "The Authorization header is malformed.");
  if (header(request, "x-oss-content-sha256") !== "UNSIGNED-PAYLOAD")
    throw new OssRefusal(400, "InvalidArgument", "x-oss-content-sha256 must be UNSIGNED-PAYLOAD.");
  checkKeyId(accessKeyId, signer);
  checkToken(header(request, "x-oss-security-token"), signer);
  const date = header(request, "x-oss-date") ?? "";
  checkSkew(parseBasicDate(date), nowMs);
  if (day !== date.slice(0, 8))
    throw new OssRefusal(400, "InvalidArgument", "Invalid signing date in Authorization header.");
  if (region !== signer.region)
    throw new OssRefusal(400, "InvalidArgument", "Invalid signing region in Authorization header.");
  const { accessKeySecret } = signer;
  const additionalHeaders = additional?.split(";") ?? [];
  compare(signV4(request, { accessKeySecret, region, date, additionalHeaders }), signature);
  return "v4";
}

function verifyV4Url(
  request: SignedRequest,
  parameter: (name: string) => string | undefined,
  signer: Signer,
  nowMs: number,
): SignatureKind {
  const [accessKeyId, day, region, product, end] = (parameter("x-oss-credential") ?? "").split("/");
  const date = parameter("x-oss-date") ?? "";
  const seconds = Number(parameter("x-oss-expires"));
  if (product !== "oss" || end !== "aliyun_v4_request" || day !== date.slice(0, 8))
    throw new OssRefusal(400, "AuthorizationQueryParametersError", "Invalid credential.");
  if (!(seconds >= 1 && seconds <= MAX_URL_SECONDS))
    throw new OssRefusal(
      400,
      "AuthorizationQueryParametersError",
      "x-oss-expires must be 1 to 604800.",
    );
  checkKeyId(accessKeyId, signer);
  checkToken(parameter("x-oss-security-token"), signer);
  checkExpiry(parseBasicDate(date) + seconds * 1000, nowMs);
  if (region !== signer.region)
    throw new OssRefusal(400, "InvalidArgument", "Invalid signing region.");
  const { accessKeySecret } = signer;
  const additionalHeaders = parameter("x-oss-additional-headers")?.split(";") ?? [];
  compare(
    signV4(request, { accessKeySecret, region, date, additionalHeaders }),
    parameter("x-oss-signature") ?? "",
  );
  return "v4-url";
}

function verifyV1Header(
  request: SignedRequest,
  authorization: string,
  signer: Signer,
  nowMs: number,
): SignatureKind {
  const [, accessKeyId, signature] = /^OSS ([^:]+):(.+)$/.exec(authorization) ?? [];
  checkKeyId(accessKeyId, signer);
  checkToken(header(request, "x-oss-security-token"), signer);
  const date = header(request, "x-oss-date") ?? header(request, "date") ?? "";
  checkSkew(Date.parse(date), nowMs);
  compare(signV1(request, signer.accessKeySecret, date), signature ?? "");
  return "v1";
}

function verifyV1Url(
  request: SignedRequest,
  parameter: (name: string) => string | undefined,
  signer: Signer,
  nowMs: number,
): SignatureKind {
  checkKeyId(parameter("OSSAccessKeyId"), signer);
  checkToken(parameter("security-token"), signer);
  const expires = parameter("Expires") ?? "";
  checkExpiry(Number(expires) * 1000, nowMs);
  compare(signV1(request, signer.accessKeySecret, expires), parameter("Signature") ?? "");
  return "v1-url";
}

function checkKeyId(accessKeyId: string | undefined, signer: Signer): void {
  if (accessKeyId === signer.accessKeyId) return;
  throw new OssRefusal(
    403,
    "InvalidAccessKeyId",
    "The OSS Access Key Id you provided does not exist in our records.",
  );
}

function checkToken(stsToken: string | undefined, signer: Signer): void {
  if (stsToken === signer.stsToken) return;
  throw new OssRefusal(403, "InvalidSecurityToken", "The security token you provided is invalid.");
}

function checkSkew(atMs: number, nowMs: number): void {
  if (Math.abs(nowMs - atMs) <= MAX_SKEW_MS) return;
  const message = "The difference between the request time and the current time is too large.";
  throw new OssRefusal(403, "RequestTimeTooSkewed", message);
}

function checkExpiry(untilMs: number, nowMs: number): void {
  if (nowMs <= untilMs) return;
  throw new OssRefusal(403, "AccessDenied", "Request has expired.");
}

function compare(expected: string, given: string): void {
  const [a, b] = [Buffer.from(expected), Buffer.from(given)];
  if (a.length === b.length && timingSafeEqual(a, b)) return;
  const message =
    "The request signature we calculated does not match the signature you provided. Check your key and signing method.";
  throw new OssRefusal(403, "SignatureDoesNotMatch", message);
}

function parseBasicDate(text: string): number {
  const [, year, month, day, hour, minute, second] =
    /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(text) ?? [];
  return Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`);
}

function header(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(",") : value;
}

function headerNames(request: SignedRequest): string[] {
  return Object.keys(request.headers).sort();
}

function hmac(algorithm: string, key: Buffer | string, text: string): Buffer {
  return createHmac(algorithm, key).update(text).digest();
}

/** RFC 3986: encodes everything but letters, digits, `-`, `.`, `_` and `~`. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** The query parameters that V1 signs. */
const SUBRESOURCES: ReadonlySet<string> = new Set(
  `acl append bucketInfo cname comp continuation-token cors delete encryption endTime img inventory lifecycle live
  location logging objectMeta partNumber policy position qos referer replication replicationLocation
  replicationProgress requestPayment response-cache-control response-content-disposition response-content-encoding
  response-content-language response-content-type response-expires restore security-token sequential startTime stat
  status style styleName symlink tagging uploadId uploads versionId versioning versions vod website worm
  x-oss-process x-oss-traffic-limit`.split(/\s+/),
);
