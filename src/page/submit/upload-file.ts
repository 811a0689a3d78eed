import { Code, ConnectError } from "@connectrpc/connect";

/** Where files are sent to. */
export interface UploadTarget {
  /** The service's origin. */
  readonly baseUrl: string;
  /** The header of that name; undefined: none. */
  readonly authorization: string | undefined;
}

/**
 * Sends a file to `POST /uploads`. Only XMLHttpRequest tells how much has been sent.
 *
 * @param onProgress Called with 0 to 1.
 * @returns The `upload://` URL that a task names.
 * @throws ConnectError with the service's own sentence.
 */
export async function uploadFile(
  { baseUrl, authorization }: UploadTarget,
  file: File,
  signal: AbortSignal,
  onProgress: (ratio: number) => void,
): Promise<string> {
  signal.throwIfAborted();
  onProgress(0);
  const request = new XMLHttpRequest();
  const stop = (): void => request.abort();
  signal.addEventListener("abort", stop);
  try {
    return await new Promise<string>((resolve, reject) => {
      request.upload.addEventListener("progress", ({ loaded, total }) =>
        onProgress(total === 0 ? 0 : loaded / total),
      );
      request.addEventListener("load", () => {
        const answer = readAnswer(request);
        if (answer.url === undefined) reject(new ConnectError(answer.detail, Code.InvalidArgument));
        else resolve(answer.url);
      });
      for (const event of ["error", "abort", "timeout"])
        request.addEventListener(event, () =>
          reject(new ConnectError("The service does not answer", Code.Unavailable)),
        );
      request.open("POST", `${baseUrl}/uploads?name=${encodeURIComponent(file.name)}`);
      if (authorization !== undefined) request.setRequestHeader("Authorization", authorization);
      request.send(file);
    });
  } finally {
    signal.removeEventListener("abort", stop);
  }
}

interface UploadAnswer {
  readonly url: string | undefined;
  readonly detail: string;
}

function readAnswer({ status, responseText }: XMLHttpRequest): UploadAnswer {
  const fallback = `The service answered ${status}`;
  try {
    const { url, detail } = JSON.parse(responseText) as { url?: string; detail?: string };
    return { url: status === 201 ? url : undefined, detail: detail ?? fallback };
  } catch {
    // A proxy before the service may answer anything.
    return { url: undefined, detail: fallback };
  }
}
