import { join } from "node:path";
import {
  type DownloadedInput,
  type DownloadOptions,
  downloadInput,
} from "../../src/input/download-input.js";
import { createAddressGuard } from "../../src/net/address-guard.js";
import { tempDir } from "./temp-dir.js";

/** A running download. */
export interface StartedDownload {
  readonly path: string;
  readonly outcome: Promise<DownloadedInput>;
  /** The reported progress: bytes so far and, if known, the size of the whole file. */
  readonly reports: readonly (readonly [number, number | undefined])[];
  readonly cancel: AbortController;
}

/** Starts a download from an origin on loopback. The pauses between its tries are very short. */
export async function startDownload(
  url: string,
  options: Partial<DownloadOptions> = {},
  directory?: string,
  onAsked?: (path: string) => void,
): Promise<StartedDownload> {
  const path = join(directory ?? (await tempDir()), "input");
  const cancel = new AbortController();
  const reports: [number, number | undefined][] = [];
  const outcome = downloadInput(
    {
      url,
      path,
      signal: cancel.signal,
      onProgress: (receivedBytes, totalBytes) => reports.push([receivedBytes, totalBytes]),
      onAsked: () => onAsked?.(path),
    },
    {
      guard: createAddressGuard({ allow: ["127.0.0.1"] }),
      userAgent: "test-agent",
      retryDelayMs: 1,
      ...options,
    },
  );
  // A later `await` of it still gets the error.
  outcome.catch(() => {});
  return { path, outcome, reports, cancel };
}
