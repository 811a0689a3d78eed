import type { Interceptor } from "@connectrpc/connect";
import { abortable } from "../calls/abortable.js";
import { callerKey } from "./caller-context.js";

/** Ends a stream when the key under which it was opened is revoked or expires. */
export const endWithKey: Interceptor = (next) => async (call) => {
  const { ended } = call.contextValues.get(callerKey);
  const answer = await next(call);
  if (!answer.stream || ended === undefined) return answer;
  return { ...answer, message: abortable(answer.message, ended) };
};
