import type { Message } from "@bufbuild/protobuf";
import type { FastifyReply, FastifyRequest } from "fastify";
import type { CallContext } from "../calls/call-context.js";
import type { HttpBinding } from "./http-binding.js";
import type { RestOptions } from "./rest-options.js";

/** A call whose request has been decoded. */
export interface RestCall {
  readonly binding: HttpBinding;
  readonly message: Message;
  readonly context: CallContext;
  readonly options: RestOptions;
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
}
