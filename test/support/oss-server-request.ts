import type { IncomingMessage } from "node:http";
import type { OssOperation } from "./oss-server-faults.js";
import { OssRefusal } from "./oss-server-refusal.js";
import type { SignedRequest } from "./oss-server-signature.js";

/** A parsed request. */
export interface OssRequest extends SignedRequest {
  readonly message: IncomingMessage;
  readonly uploadId: string;
  readonly partNumber: number | undefined;
}

/**
 * Parses a request. With the regional host name, the bucket is named before the host. Any other
 * host uses path style, except names ending in `.custom.test`, which are bound to the bucket
 * `results`.
 */
export function parseRequest(message: IncomingMessage, region: string): OssRequest {
  const [path = "/", search = ""] = (message.url ?? "/").split(/\?(.*)/s);
  const query = [...new URLSearchParams(search)];
  const parameter = (name: string): string | undefined => query.find(([key]) => key === name)?.[1];
  const partNumber = parameter("partNumber");
  return {
    message,
    method: message.method ?? "GET",
    ...locate(message.headers.host ?? "", decodeURIComponent(path.slice(1)), region),
    query,
    headers: message.headers,
    uploadId: parameter("uploadId") ?? "",
    partNumber: partNumber === undefined ? undefined : Number(partNumber),
  };
}

function locate(host: string, path: string, region: string): { bucket: string; key: string } {
  const name = host.replace(/:\d+$/, "");
  if (name.endsWith(".custom.test")) return { bucket: "results", key: path };
  const suffix = new RegExp(`^([a-z0-9-]+)\\.oss-${region}(-internal)?\\.aliyuncs\\.com$`).exec(
    name,
  );
  if (suffix?.[1] !== undefined) return { bucket: suffix[1], key: path };
  const [, bucket = "", key = ""] = /^([^/]*)\/?(.*)$/s.exec(path) ?? [];
  return { bucket, key };
}

/** The call that a request makes. @throws OssRefusal for calls that the stand-in does not know */
export function operationOf({ method, query, partNumber, uploadId }: OssRequest): OssOperation {
  const has = (parameter: string): boolean => query.some(([name]) => name === parameter);
  const found =
    KNOWN[
      `${method}${has("uploads") ? " uploads" : ""}${has("list-type") ? " list" : ""}${partNumber === undefined ? "" : " part"}${uploadId && " upload"}`
    ];
  if (found !== undefined) return found;
  throw new OssRefusal(501, "NotImplemented", "The stand-in does not know this call.");
}

const KNOWN: Readonly<Record<string, OssOperation>> = {
  PUT: "PutObject",
  GET: "GetObject",
  HEAD: "HeadObject",
  DELETE: "DeleteObject",
  "GET list": "ListObjects",
  "POST uploads": "InitiateMultipartUpload",
  "PUT part upload": "UploadPart",
  "POST upload": "CompleteMultipartUpload",
  "DELETE upload": "AbortMultipartUpload",
  "GET upload": "ListParts",
};
