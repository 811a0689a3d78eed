import { createContextKey } from "@connectrpc/connect";
import type { Caller } from "../../domain/caller.js";

/** A caller who may do nothing and whose tasks there are none of: a request without a key. */
export const NOBODY: Caller = { tenant: "", scopes: new Set() };

/** Where handlers and interceptors find who calls. A call that was not identified is nobody's. */
export const callerKey = createContextKey<Caller>(NOBODY, { description: "caller" });

/** Where the request of a call came from; empty: it is not known. */
export const addressKey = createContextKey("", { description: "address" });
