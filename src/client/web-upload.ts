import { fromJson, type JsonValue } from "@bufbuild/protobuf";
import { Code, ConnectError } from "@connectrpc/connect";
import { ErrorDetailSchema } from "./gen/tmlsr/v1/error_pb.js";
import { type UploadResponse, UploadResponseSchema } from "./gen/tmlsr/v1/upload_service_pb.js";
import { keyHeaders } from "./send-key.js";
import type { UploadOptions } from "./upload-options.js";

/**
 * Uploads a file that the user chose, or any other bytes. The answer's `url` can be given as the
 * `url` of a task. Fails with ConnectError, as the other calls do.
 */
export type WebUpload = (content: Blob, options?: UploadOptions) => Promise<UploadResponse>;

/**
 * Uploads by `POST /uploads`, because browsers cannot stream the messages of the RPC. The browser
 * reads the file piece by piece while it sends.
 */
export async function uploadForm(
  baseUrl: string,
  content: Blob,
  { fileName, signal }: UploadOptions,
  key?: string,
): Promise<UploadResponse> {
  const form = new FormData();
  // A File has a name of its own. Of other bytes, the browser calls the file "blob".
  if (fileName === undefined) form.append("file", content);
  else form.append("file", content, fileName);
  try {
    const init = {
      method: "POST",
      body: form,
      headers: keyHeaders(key),
      ...(signal && { signal }),
    };
    const response = await fetch(new URL("/uploads", baseUrl), init);
    if (!response.ok) throw await refusal(response);
    const body = (await response.json()) as JsonValue;
    return fromJson(UploadResponseSchema, body, { ignoreUnknownFields: true });
  } catch (error) {
    throw ConnectError.from(error, Code.Unavailable);
  }
}

/** The service's `application/problem+json`, or whatever something in between answered. */
interface Problem {
  readonly detail?: string;
  readonly code?: string;
}

async function refusal(response: Response): Promise<ConnectError> {
  const problem = (await response.json().catch(() => ({}))) as Problem;
  const { detail = `The upload was refused: HTTP ${response.status}`, code } = problem;
  const details = code === undefined ? [] : [{ desc: ErrorDetailSchema, value: { code } }];
  return new ConnectError(detail, CODES[response.status], response.headers, details);
}

/** The codes by the HTTP statuses that uploads are refused with. */
const CODES: Readonly<Record<number, Code>> = {
  400: Code.InvalidArgument,
  401: Code.Unauthenticated,
  403: Code.PermissionDenied,
  413: Code.InvalidArgument,
  415: Code.InvalidArgument,
  429: Code.ResourceExhausted,
  503: Code.Unavailable,
  504: Code.DeadlineExceeded,
};
