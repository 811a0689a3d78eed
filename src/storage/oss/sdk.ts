import type { IncomingHttpHeaders } from "node:http";
import type { Readable } from "node:stream";
import type { OssAddress } from "./address.js";
import type { OssAccessKey } from "./credentials.js";
import type { OssTransport } from "./transport.js";

/** The used parts of ali-oss 6.23, whose published types lack some of them. */
export interface OssSdk {
  put(key: string, body: Readable | Buffer, options: SdkPutOptions): Promise<SdkResult>;
  head(
    key: string,
  ): Promise<SdkResult & { readonly meta: Readonly<Record<string, string>> | null }>;
  getStream(
    key: string,
    options: { readonly headers: Readonly<Record<string, string>> },
  ): Promise<{ readonly stream: Readable; readonly res: { readonly status: number } }>;
  listV2(query: Readonly<Record<string, string | number>>): Promise<SdkObjectList>;
  delete(key: string): Promise<unknown>;
  initMultipartUpload(key: string, options: SdkPutOptions): Promise<{ readonly uploadId?: string }>;
  uploadPart(
    key: string,
    uploadId: string,
    partNumber: number,
    body: Readable,
    startBytes: number,
    endBytes: number,
  ): Promise<SdkResult>;
  listParts(
    key: string,
    uploadId: string,
    query: { readonly "max-parts": number; readonly "part-number-marker": number },
  ): Promise<SdkPartList>;
  completeMultipartUpload(
    key: string,
    uploadId: string,
    parts: readonly { readonly number: number; readonly etag: string }[],
    options: { readonly timeout: number },
  ): Promise<SdkResult>;
  abortMultipartUpload(key: string, uploadId: string): Promise<unknown>;
  signatureUrlV4(
    method: "GET",
    ttlSeconds: number,
    request: undefined,
    key: string,
  ): Promise<string>;
}

interface SdkPutOptions {
  readonly mime: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly contentLength?: number;
}

interface SdkResult {
  readonly res: { readonly headers: IncomingHttpHeaders; readonly data: Buffer };
}

interface SdkObjectList {
  /** Undefined if there are no objects. */
  readonly objects?: readonly {
    readonly name: string;
    readonly size: number;
    /** ISO 8601. */
    readonly lastModified: string;
  }[];
  readonly isTruncated: boolean;
  readonly nextContinuationToken?: string | null;
}

interface SdkPartList {
  /** A single part is not wrapped in a list. */
  readonly parts: SdkPart | readonly SdkPart[];
  readonly isTruncated: string;
  readonly nextPartNumberMarker: string;
}

interface SdkPart {
  readonly PartNumber: string;
  readonly ETag: string;
  readonly Size: string;
}

/**
 * Makes a client of the SDK. Loading the SDK takes 300 ms, so this is done only when it is needed.
 *
 * @param idleMs how long a connection may be idle during a call.
 */
export async function createOssSdk(
  address: OssAddress,
  { accessKeyId, accessKeySecret, stsToken }: OssAccessKey,
  transport: OssTransport,
  idleMs: number,
): Promise<OssSdk> {
  const { default: OSS } = await import("ali-oss");
  const options = {
    ...{ accessKeyId, accessKeySecret, bucket: address.bucket, region: address.region },
    // The interval only prevents a warning. The SDK refreshes nothing, since it has no function for
    // that.
    ...(stsToken !== undefined && { stsToken, refreshSTSTokenInterval: Number.MAX_SAFE_INTEGER }),
    endpoint: address.endpoint,
    cname: address.style === "cname",
    sldEnable: address.style === "path",
    authorizationV4: true,
    timeout: idleMs,
    urllib: transport,
  };
  return new OSS(options) as unknown as OssSdk;
}
