import { InterceptingCall, type Interceptor } from "@grpc/grpc-js";
import { keyHeaders } from "./send-key.js";

/** The interceptors of grpc-js that send a key with every call; none where there is none. */
export function grpcSendKey(key: string | undefined): Interceptor[] {
  if (key === undefined) return [];
  const send: Interceptor = (options, nextCall) =>
    new InterceptingCall(nextCall(options), {
      start: (metadata, listener, next) => {
        for (const [name, value] of Object.entries(keyHeaders(key))) metadata.set(name, value);
        next(metadata, listener);
      },
    });
  return [send];
}
