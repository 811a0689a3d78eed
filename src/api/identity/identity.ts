import type { DescMethod } from "@bufbuild/protobuf";
import { type ContextValues, createContextValues } from "@connectrpc/connect";
import type { FastifyReply, FastifyRequest } from "fastify";
import { type Caller, EVERYBODY, type Scope, seesAll } from "../../domain/caller.js";
import { TaskError } from "../../domain/errors.js";
import { addressKey, callerKey, NOBODY } from "./caller-context.js";
import { type Need, needOfMethod, needOfRoute, type OpenPart, scopeOf } from "./needs.js";

/** What requests are judged with. */
export interface ApiGate {
  /**
   * @param key undefined: the request came without one.
   * @returns undefined for a request without a key.
   * @throws TaskError UNAUTHENTICATED, TOO_MANY_TRIES.
   */
  identify(key: string | undefined, address: string): Promise<Caller | undefined>;
  /** Whether a request is by a signed link for exactly this path. */
  isSigned(path: string, query: object): boolean;
  /** What is served without a key. */
  readonly open: ReadonlySet<OpenPart>;
  /** Counts a request against what its key may use. Absent: there are no limits. */
  readonly charge?: (caller: Caller, isUpload: boolean) => Promise<Charge>;
  /** Is told of each request that is refused. */
  readonly onRefused: (reason: RefusalReason) => void;
}

/** What came of charging a key. */
export interface Charge {
  /** What is left, as headers of the answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** The request is not to be served. */
  readonly refusal?: TaskError;
}

/** Why a request is refused before any of it is read. */
export type RefusalReason = "no_key" | "bad_key" | "too_many_tries" | "scope" | "limit";

/** A signed link: it reads one file. */
const BY_LINK: Caller = { tenant: "", scopes: new Set(["read"]) };

/**
 * The one place that says who calls and whether that is enough, for every way in. Where there is no
 * gate, everybody may do anything.
 */
export class Identity {
  readonly #gate: ApiGate | undefined;
  readonly #requireTask: (taskId: string, caller: Caller) => Promise<unknown>;
  readonly #callers = new WeakMap<FastifyRequest, Caller>();

  /** @param requireTask throws TASK_NOT_FOUND for a task that the caller may not see. */
  constructor(
    gate: ApiGate | undefined,
    requireTask: (taskId: string, caller: Caller) => Promise<unknown>,
  ) {
    this.#gate = gate;
    this.#requireTask = requireTask;
  }

  /** Who calls; nobody before {@link admit}. */
  callerOf(request: FastifyRequest): Caller {
    return this.#gate === undefined ? EVERYBODY : (this.#callers.get(request) ?? NOBODY);
  }

  /** The same for handlers of RPCs. */
  contextValues(request: FastifyRequest): ContextValues {
    const values = createContextValues().set(callerKey, this.callerOf(request));
    return this.#gate === undefined ? values : values.set(addressKey, addressOf(request));
  }

  /**
   * Says who calls, and refuses whoever may not. The RPCs of REST share a route, so that they are judged
   * by {@link authorize} when it is known which one it is.
   *
   * @param sharedRoute the route of REST.
   * @throws TaskError UNAUTHENTICATED, PERMISSION_DENIED, TASK_NOT_FOUND, TOO_MANY_TRIES, RATE_LIMITED.
   */
  async admit(request: FastifyRequest, reply: FastifyReply, sharedRoute: string): Promise<void> {
    if (this.#gate === undefined) return;
    const { url: pattern = sharedRoute } = request.routeOptions;
    const need = pattern === sharedRoute ? undefined : (needOfRoute(pattern) ?? "admin");
    if (need === "read" && this.#isSigned(request)) {
      this.#callers.set(request, BY_LINK);
      return;
    }
    const caller = await this.#identify(this.#gate, request);
    if (caller) this.#callers.set(request, caller);
    if (need === undefined) return;
    await this.#charge(need, request, reply, UPLOAD_ROUTE.test(pattern));
    this.#require(need, request);
    const { taskId } = request.params as { readonly taskId?: string };
    if (taskId !== undefined && caller && !seesAll(caller)) await this.#requireTask(taskId, caller);
  }

  /** Refuses whoever may not call an RPC. @throws TaskError UNAUTHENTICATED, PERMISSION_DENIED, RATE_LIMITED. */
  async authorize(request: FastifyRequest, reply: FastifyReply, method: DescMethod): Promise<void> {
    if (this.#gate === undefined) return;
    const need = needOfMethod(method) ?? "admin";
    await this.#charge(need, request, reply, false);
    this.#require(need, request);
  }

  async #identify(gate: ApiGate, request: FastifyRequest): Promise<Caller | undefined> {
    try {
      return await gate.identify(keyOf(request), addressOf(request));
    } catch (error) {
      if (error instanceof TaskError && error.code === "UNAUTHENTICATED") gate.onRefused("bad_key");
      if (error instanceof TaskError && error.code === "TOO_MANY_TRIES")
        gate.onRefused("too_many_tries");
      throw error;
    }
  }

  /** What needs no scope is not limited: probes of health. */
  async #charge(
    need: Need,
    request: FastifyRequest,
    reply: FastifyReply,
    isUpload: boolean,
  ): Promise<void> {
    const caller = this.callerOf(request);
    if (need === "nothing" || caller === NOBODY || this.#gate?.charge === undefined) return;
    const { headers, refusal } = await this.#gate.charge(caller, isUpload);
    reply.headers(headers);
    if (refusal === undefined) return;
    this.#gate.onRefused("limit");
    throw refusal;
  }

  #require(need: Need, request: FastifyRequest): void {
    const scope = scopeOf(need, this.#gate?.open ?? new Set());
    if (scope === undefined) return;
    const caller = this.callerOf(request);
    if (caller.scopes.has(scope)) return;
    this.#gate?.onRefused(caller === NOBODY ? "no_key" : "scope");
    throw caller === NOBODY ? noKey() : tooSmall(scope);
  }

  #isSigned({ method, url, query }: FastifyRequest): boolean {
    if (method !== "GET" && method !== "HEAD") return false;
    const [path = ""] = url.split("?");
    return this.#gate?.isSigned(path, query as object) ?? false;
  }
}

/** Of files, by HTTP and by RPC. */
const UPLOAD_ROUTE = /^\/(?:uploads\/?|tmlsr\.v1\.UploadService\/Upload)$/;

/** Where a request came from; empty: it is gone. */
export function addressOf({ socket }: FastifyRequest): string {
  return socket.remoteAddress ?? "";
}

/** The key of a request: `Authorization: Bearer`, or `X-Api-Key`, where a gateway uses the other. */
function keyOf({ headers }: FastifyRequest): string | undefined {
  const { authorization = "", "x-api-key": apiKey } = headers;
  const [, bearer] = /^Bearer +(\S+)\s*$/i.exec(authorization) ?? [];
  return typeof apiKey === "string" && apiKey !== "" ? apiKey : bearer;
}

function noKey(): TaskError {
  const message =
    "Cannot serve the request: it needs a key, as Authorization: Bearer or as X-Api-Key";
  return new TaskError("UNAUTHENTICATED", message);
}

function tooSmall(scope: Scope): TaskError {
  return new TaskError(
    "PERMISSION_DENIED",
    `Cannot serve the request: the key needs the scope "${scope}"`,
  );
}
