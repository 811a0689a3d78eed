import { type AddressGuard, checkInputUrl } from "../net/address-guard.js";
import {
  type DownloadedInput,
  type DownloadOptions,
  type DownloadRequest,
  downloadInput,
} from "./download-input.js";

/** Where inputs come from that are not on the network; told by the scheme of their URLs. */
export interface InputSource {
  /** As `URL.protocol` has it, with the colon. */
  readonly scheme: string;

  /** The rule that a URL of this scheme breaks ("must ..."), for whoever submits it; undefined: none. */
  brokenRule(url: URL): Promise<string | undefined>;

  /**
   * Brings an input to a local file, whole or not at all.
   *
   * @throws TaskError INPUT_ADDRESS_NOT_ALLOWED, INPUT_NOT_FOUND, INPUT_REFUSED, INPUT_TOO_LARGE at
   *   once, DISK_FULL; the reason of `request.signal` when that is aborted.
   */
  fetch(request: DownloadRequest): Promise<DownloadedInput>;
}

/** What is wrong with an input's URL, for whoever submits it; undefined: nothing. */
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

/** Brings an input to a local file from wherever its URL says; throws as the source or {@link downloadInput} does. */
export async function fetchInput(
  request: DownloadRequest,
  options: DownloadOptions,
  sources: readonly InputSource[],
): Promise<DownloadedInput> {
  const source = sourceOf(request.url, sources);
  return source === undefined ? await downloadInput(request, options) : await source.fetch(request);
}

function sourceOf(url: string, sources: readonly InputSource[]): InputSource | undefined {
  if (!URL.canParse(url)) return undefined;
  const { protocol } = new URL(url);
  return sources.find(({ scheme }) => scheme === protocol);
}
