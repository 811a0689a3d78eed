import { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { crash } from "./crash.js";
import type { HttpFault, Switches } from "./switches.js";

/** Adds the hooks that implement the `http` and `extraFields` switches. */
export function addHttpFaults(app: FastifyInstance, switches: () => Switches): void {
  app.addHook("onRequest", async (request, reply) => {
    const fault = take(switches(), request, (candidate) => whenOf(candidate) === "before");
    return fault === undefined ? undefined : await beforeHandler(fault, request, reply);
  });
  app.addHook("preSerialization", async (_request, _reply, payload) =>
    switches().extraFields ? addFields(payload) : payload,
  );
  app.addHook("onSend", async (request, reply, payload) => {
    const fault = take(switches(), request, (candidate) => whenOf(candidate) === "after");
    return fault === undefined ? payload : await afterHandler(fault, request, reply, payload);
  });
}

/**
 * Whether a black hole applies to a request that the hooks do not see, such as one for a WebSocket.
 */
export function ignoresRequest({ http = [] }: Switches, method: string, path: string): boolean {
  return http.some(
    (fault) => fault.fault === "black-hole" && fault.count !== 0 && isHit(fault, method, path),
  );
}

function whenOf(fault: HttpFault): "before" | "after" {
  return "when" in fault ? fault.when : "after";
}

/** Finds the first fault for the request and counts it down. */
function take(
  { http = [] }: Switches,
  { method, url }: FastifyRequest,
  isWanted: (fault: HttpFault) => boolean,
): HttpFault | undefined {
  const path = url.split("?")[0] ?? "";
  if (path.startsWith("/test/")) return undefined;
  const fault = http.find(
    (candidate) => isWanted(candidate) && isHit(candidate, method, path) && candidate.count !== 0,
  );
  if (fault?.count !== undefined) fault.count -= 1;
  return fault;
}

function isHit(fault: HttpFault, method: string, path: string): boolean {
  if (fault.method !== undefined && fault.method !== method) return false;
  if (fault.path.endsWith("*")) return path.startsWith(fault.path.slice(0, -1));
  return fault.path === path;
}

async function beforeHandler(
  fault: HttpFault,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<unknown> {
  switch (fault.fault) {
    case "answer":
      return await reply.code(fault.status).type(fault.contentType).send(fault.body);
    case "throttle":
    case "truncate":
      return undefined;
    case "black-hole":
    case "delay":
    case "cut":
    case "crash":
      return await stall(fault, request);
  }
}

async function afterHandler(
  fault: HttpFault,
  request: FastifyRequest,
  reply: FastifyReply,
  payload: unknown,
): Promise<unknown> {
  switch (fault.fault) {
    case "answer":
      reply.code(fault.status).type(fault.contentType).removeHeader("content-length");
      return fault.body;
    case "throttle":
      return Readable.from(throttled(bytesOf(payload), fault.bytesPerSecond));
    case "truncate":
      return Readable.from(truncated(bytesOf(payload), fault.bytes));
    case "black-hole":
    case "delay":
    case "cut":
    case "crash":
      await stall(fault, request);
      return payload;
  }
}

async function stall(
  fault: Extract<HttpFault, { fault: "black-hole" | "delay" | "cut" | "crash" }>,
  request: FastifyRequest,
): Promise<void> {
  if (fault.fault === "crash") crash();
  if (fault.fault === "delay") await sleep(fault.ms);
  else {
    if (fault.fault === "cut") request.raw.socket.destroy();
    await new Promise(() => undefined);
  }
}

function bytesOf(payload: unknown): AsyncIterable<Buffer> {
  if (payload instanceof Readable) return payload;
  return Readable.from([Buffer.from(String(payload ?? ""))]);
}

/** Sends pieces of a tenth of a second. */
async function* throttled(
  chunks: AsyncIterable<Buffer>,
  bytesPerSecond: number,
): AsyncGenerator<Buffer> {
  const pieceBytes = Math.max(1, Math.ceil(bytesPerSecond / 10));
  for await (const chunk of chunks) {
    for (let start = 0; start < chunk.length; start += pieceBytes) {
      yield chunk.subarray(start, start + pieceBytes);
      await sleep(100);
    }
  }
}

/** Ends with an error, after which the server cuts the connection. */
async function* truncated(chunks: AsyncIterable<Buffer>, bytes: number): AsyncGenerator<Buffer> {
  let left = bytes;
  for await (const chunk of chunks) {
    if (chunk.length >= left) {
      yield chunk.subarray(0, left);
      // Waits until the earlier bytes have really been sent.
      await sleep(50);
      throw new Error("Truncated by a test switch");
    }
    yield chunk;
    left -= chunk.length;
  }
}

function addFields(payload: unknown): unknown {
  if (typeof payload !== "object" || payload === null || Array.isArray(payload)) return payload;
  return { ...payload, unknown_field: { nobody: ["knows", null, 1.5] } };
}
