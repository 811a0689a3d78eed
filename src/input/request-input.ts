import { type Dispatcher, request } from "undici";
import { type AddressGuard, brokenUrlRule } from "../net/address-guard.js";
import type { HeaderValues, ResponseHead } from "./accept-response.js";
import { downloadError } from "./download-error.js";

const MAX_REDIRECTS = 5;
const REDIRECT_STATUSES: readonly number[] = [301, 302, 303, 307, 308];

/** An answer. The caller must destroy its body after use. */
export interface InputResponse extends ResponseHead {
  readonly body: Dispatcher.ResponseData["body"];
}

/** How an input is requested. */
export interface Connection {
  readonly agent: Dispatcher;
  readonly signal: AbortSignal;
}

/**
 * Requests an input and follows at most 5 redirects. The guard judges each address before it is
 * requested.
 *
 * @throws TaskError INPUT_ADDRESS_NOT_ALLOWED or INPUT_REFUSED; errors of the connection unchanged.
 */
export async function requestInput(
  url: string,
  headers: Readonly<Record<string, string>>,
  guard: AddressGuard,
  { agent, signal }: Connection,
): Promise<InputResponse> {
  let target = url;
  for (let redirectCount = 0; redirectCount <= MAX_REDIRECTS; redirectCount++) {
    const rule = brokenUrlRule(target, guard);
    if (rule !== undefined) {
      const subject = redirectCount === 0 ? "its address" : "the address it redirects to";
      throw downloadError("INPUT_ADDRESS_NOT_ALLOWED", url, `${subject} ${rule}`);
    }
    const response = await request(new URL(target), { dispatcher: agent, headers, signal });
    // An error before anybody reads the body would have no listener. The later reader still gets
    // it.
    response.body.on("error", () => {});
    const head = { statusCode: response.statusCode, headers: firstOfEach(response.headers) };
    if (!REDIRECT_STATUSES.includes(head.statusCode)) return { ...head, body: response.body };
    response.body.destroy();
    target = redirectTarget(url, target, head.headers["location"]);
  }
  throw downloadError("INPUT_REFUSED", url, `it redirects more than ${MAX_REDIRECTS} times`);
}

function redirectTarget(url: string, from: string, location: string | undefined): string {
  if (location === undefined || !URL.canParse(location, from))
    throw downloadError("INPUT_REFUSED", url, "it redirects without a usable Location");
  return new URL(location, from).href;
}

function firstOfEach(headers: Dispatcher.ResponseData["headers"]): HeaderValues {
  const entries = Object.entries(headers);
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const values = [value].flat();
      return [name, name === "content-encoding" ? values.join(",") : values[0]];
    }),
  );
}
