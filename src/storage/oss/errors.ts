import { TaskError } from "../../domain/errors.js";
import type { OssAddress } from "./address.js";
import { SourceError } from "./body.js";
import { isNoSuchUpload, OssFailure, TLS_CODES } from "./failure.js";

/**
 * Translates an error of an upload. Errors that come neither from OSS nor from the local file are
 * returned unchanged.
 *
 * @param action the action that failed, e.g. `store "outputs/1/result.png"`.
 * @returns TaskError UPLOAD_FAILED for a failure that may pass by itself, STORAGE_REFUSED with what
 *   to change
 */
export function ossError(action: string, thrown: unknown, address: OssAddress): unknown {
  if (thrown instanceof SourceError)
    return new TaskError("UPLOAD_FAILED", `Cannot ${action}: ${thrown.message}`, { cause: thrown });
  if (!(thrown instanceof OssFailure)) return thrown;
  const refusal = REFUSALS.find(
    ({ code, message }) => code.test(thrown.code) && (message?.test(thrown.message) ?? true),
  );
  const reason = refusal?.advice(address) ?? describe(thrown, address);
  const isRefused = refusal !== undefined || !(thrown.isPassing || isNoSuchUpload(thrown));
  return new TaskError(
    isRefused ? "STORAGE_REFUSED" : "UPLOAD_FAILED",
    `Cannot ${action}: ${reason}`,
    { cause: thrown },
  );
}

interface Refusal {
  readonly code: RegExp;
  /** Distinguishes answers that have the same code. */
  readonly message?: RegExp;
  /** The problem and what to change. */
  readonly advice: (address: OssAddress) => string;
}

const WRONG_REGION = ({ bucket, region }: OssAddress): string =>
  `bucket "${bucket}" is not in region "${region}", set OSS_ENDPOINT and OSS_REGION to the bucket's own`;
const EXPIRED_TOKEN = (): string =>
  "the temporary access key has expired or its token is wrong, set OSS_STS_TOKEN anew or have it refreshed by OSS_CREDENTIALS_URL";

/** The first row that fits counts. Codes and messages are those that OSS sends. */
const REFUSALS: readonly Refusal[] = [
  {
    code: /^InvalidAccessKeyId$/,
    advice: () =>
      "OSS knows no such access key id or it is disabled, set OSS_ACCESS_KEY_ID to an enabled one",
  },
  {
    code: /^SignatureDoesNotMatch$/,
    advice: () => "the access key secret does not fit the access key id, set OSS_ACCESS_KEY_SECRET",
  },
  {
    code: /^NoSuchBucket$/,
    advice: ({ bucket }) => `there is no bucket "${bucket}", set OSS_BUCKET or create it`,
  },
  { code: /^AccessDenied$/, message: /specified endpoint/, advice: WRONG_REGION },
  { code: /^InvalidArgument$/, message: /signing region/, advice: WRONG_REGION },
  {
    code: /^AccessDenied$/,
    message: /does not belong/,
    advice: ({ bucket }) =>
      `bucket "${bucket}" belongs to another account, set OSS_BUCKET or the access key`,
  },
  {
    code: /^AccessDenied$/,
    advice: ({ bucket }) =>
      `the access key may not do so, grant it oss:PutObject, oss:GetObject, oss:DeleteObject, oss:ListParts and oss:AbortMultipartUpload on "${bucket}/outputs/*" and "${bucket}/uploads/*", and oss:ListObjects on "${bucket}"`,
  },
  {
    code: /^PublicEndpointForbidden$/,
    advice: () =>
      "this account may not use the public endpoint of a region in mainland China, set OSS_INTERNAL inside of that region, else OSS_CNAME with a custom domain of the bucket as OSS_ENDPOINT",
  },
  {
    code: /^RequestTimeTooSkewed$/,
    advice: () => "this machine's clock is more than 15 minutes off, set it right",
  },
  { code: /^SecurityTokenExpired$|^InvalidSecurityToken$/, advice: EXPIRED_TOKEN },
  {
    code: /^UserDisable$/,
    advice: () => "the Aliyun account is disabled or in arrears, settle its bill",
  },
  {
    code: TLS_CODES,
    advice: ({ endpoint }) =>
      `"${endpoint}" has no certificate that this machine trusts, or speaks no TLS, set OSS_ENDPOINT with http:// where that is meant`,
  },
];

/** Our own codes. Their messages explain the failure completely. */
const OWN_CODES: readonly string[] = ["STALLED", "EtagMismatch", "NoEtag"];

function describe(failure: OssFailure, { endpoint }: OssAddress): string {
  const { statusCode, code, requestId } = failure;
  if (OWN_CODES.includes(code)) return failure.message;
  if (statusCode === undefined && code === "") return `"${endpoint}" does not answer as OSS does`;
  if (statusCode === undefined)
    return `"${endpoint}" is out of reach or the connection broke (${code})`;
  const request = requestId === undefined ? "" : ` (request ${requestId})`;
  return `OSS answered ${statusCode}${code && ` ${code}`}${request}`;
}
