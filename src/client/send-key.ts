import type { Interceptor } from "@connectrpc/connect";

/** The headers that carry a key; none where there is none. */
export function keyHeaders(key: string | undefined): Record<string, string> {
  return key === undefined ? {} : { authorization: `Bearer ${key}` };
}

/** The interceptors that send a key with every call; none where there is none. */
export function sendKey(key: string | undefined): readonly Interceptor[] {
  if (key === undefined) return [];
  const send: Interceptor = (next) => (call) => {
    for (const [name, value] of Object.entries(keyHeaders(key))) call.header.set(name, value);
    return next(call);
  };
  return [send];
}
