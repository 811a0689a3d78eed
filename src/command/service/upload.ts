import { open } from "node:fs/promises";
import { basename } from "node:path";
import { documents } from "./documents.js";
import type { Service } from "./service.js";

/**
 * Uploads a file. Where the connection is cut it begins anew: the service keeps nothing of a half.
 *
 * @param onProgress told the bytes that were sent.
 * @returns the URL for tasks.
 */
export async function uploadFile(
  service: Service,
  path: string,
  signal: AbortSignal,
  onProgress: (sentBytes: number, totalBytes: number) => void,
): Promise<string> {
  return await service.patiently(signal, async () => {
    await using file = await open(path);
    const { size } = await file.stat();
    const url = `${service.baseUrl}/uploads?name=${encodeURIComponent(basename(path))}`;
    const body = counted(file.createReadStream({ autoClose: false }), (sentBytes) =>
      onProgress(sentBytes, size),
    );
    const headers = { "content-type": "application/octet-stream", "content-length": String(size) };
    const response = await service.send(url, { method: "POST", headers, body, signal });
    return documents.upload.parse(await response.json()).url;
  });
}

async function* counted(
  chunks: AsyncIterable<Buffer>,
  onCount: (byteCount: number) => void,
): AsyncGenerator<Buffer> {
  let byteCount = 0;
  for await (const chunk of chunks) {
    yield chunk;
    byteCount += chunk.length;
    onCount(byteCount);
  }
}
