import { Code, ConnectError } from "@connectrpc/connect";
import type { FastifyReply } from "fastify";
import { CallAbort } from "./call-abort.js";

/**
 * What is aborted when the client disconnects before it has the whole response. Ask for it when the request
 * comes in: an earlier disconnection is not noticed.
 */
export function abortWithClient({ raw }: FastifyReply): CallAbort {
  const client = new CallAbort();
  raw.once("close", () => {
    if (!raw.writableEnded || raw.writableFinished === false)
      client.abort(new ConnectError("The client went away", Code.Canceled));
  });
  return client;
}

/** The signal of {@link abortWithClient}. */
export function watchClient(reply: FastifyReply): AbortSignal {
  return abortWithClient(reply).signal;
}
