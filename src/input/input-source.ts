import { parseUrl } from "../lib/parse-url.js";
import { type AddressGuard, checkInputUrl } from "../net/address-guard.js";
import {
  type DownloadedInput,
  type DownloadOptions,
  type DownloadRequest,
  downloadInput,
} from "./download-input.js";

/** A source of inputs that are not on the network. The scheme of a URL selects its source. */
export interface InputSource {
  /** As in `URL.protocol`, with the colon. */
  readonly scheme: string;

  /**
   * The rule that a URL of this scheme breaks ("must ..."), for the submitter. Undefined: no rule
   * is broken.
   */
  brokenRule(url: URL): Promise<string | undefined>;

  /**
   * Copies an input to a local file. The file appears only when it is complete.
   *
   * @throws TaskError at once: INPUT_ADDRESS_NOT_ALLOWED, INPUT_NOT_FOUND, INPUT_REFUSED,
   *   INPUT_TOO_LARGE, DISK_FULL.
   * @throws the reason of `request.signal` when it is aborted.
   */
  fetch(request: DownloadRequest): Promise<DownloadedInput>;
}

/** The problem of an input's URL, for the submitter. Undefined: no problem. */
export async function checkInput(
  url: string,
  guard: AddressGuard,
  sources: readonly InputSource[],
): Promise<string | undefined> {
  const source = sourceOf(url, sources);
  if (source === undefined) return checkInputUrl(url, guard);
  const rule = await source.brokenRule(new URL(url));
  return rule === undefined ? undefined : `url ${rule}`;
}

/**
 * Copies an input to a local file from the source that its URL names. Throws the errors of that
 * source or of {@link downloadInput}.
 */
export async function fetchInput(
  request: DownloadRequest,
  options: DownloadOptions,
  sources: readonly InputSource[],
): Promise<DownloadedInput> {
  const source = sourceOf(request.url, sources);
  if (source === undefined) return await downloadInput(request, options);
  request.onAsked?.();
  return await source.fetch(request);
}

function sourceOf(url: string, sources: readonly InputSource[]): InputSource | undefined {
  // Most inputs are on the network.
  if (/^https?:/i.test(url)) return undefined;
  const protocol = parseUrl(url)?.protocol;
  return sources.find(({ scheme }) => scheme === protocol);
}
