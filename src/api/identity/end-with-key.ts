import type { Interceptor, StreamRequest } from "@connectrpc/connect";
import { abortable } from "../calls/abortable.js";
import { callerKey } from "./caller-context.js";

type Next = Parameters<Interceptor>[0];

/** Ends a stream when the key under which it was opened is revoked or expires. */
export const endWithKey: Interceptor = (next) => (call) =>
  call.stream ? watched(next, call) : next(call);

async function watched(next: Next, call: StreamRequest): ReturnType<Next> {
  const { ended } = call.contextValues.get(callerKey);
  const answer = await next(call);
  if (!answer.stream || ended === undefined) return answer;
  return { ...answer, message: abortable(answer.message, ended) };
}
