import type { FastifyInstance } from "fastify";
import { isJsonObject, type Json, type JsonObject, ownValue } from "../json.js";
import { type History, queueTuple } from "../prompts/history.js";
import type { Interruption } from "../prompts/interruption.js";
import type { PromptQueue } from "../prompts/prompt-queue.js";
import type { FreeRequest } from "../prompts/prompt-worker.js";
import { PythonError } from "../python-text.js";
import type { RunLog } from "../run-log.js";
import { addRoute, jsonBody, sendNothing } from "./http-server.js";
import { queryValue } from "./query.js";

/** The parts of the server that the routes need. */
export interface QueueRoutesContext {
  readonly queue: PromptQueue;
  readonly history: History;
  readonly interruption: Interruption;
  readonly log: RunLog;
  readonly requestFree: (request: FreeRequest) => void;
}

/** Adds `/queue`, `/history`, `/interrupt` and `/free`. */
export function addQueueRoutes(app: FastifyInstance, context: QueueRoutesContext): void {
  addQueue(app, context);
  addHistory(app, context.history);
  addInterrupt(app, context);
  addRoute(app, "/free", {
    POST: async (request, reply) => {
      const body = objectBody(request.body);
      const freeMemory = Boolean(ownValue(body, "free_memory"));
      const unloadModels = Boolean(ownValue(body, "unload_models"));
      context.requestFree({ freeMemory, unloadModels });
      return await sendNothing(reply);
    },
  });
}

function addQueue(app: FastifyInstance, { queue, log }: QueueRoutesContext): void {
  addRoute(app, "/queue", {
    GET: async () => ({
      queue_running: queue.running === undefined ? [] : [queueTuple(queue.running)],
      queue_pending: queue.pending.map(queueTuple),
    }),
    POST: async (request, reply) => {
      const body = objectBody(request.body);
      if (ownValue(body, "clear")) {
        for (const item of queue.pending) log.write("deleted", item);
        queue.clear();
      }
      for (const id of idList(body)) {
        const item = queue.pending.find(({ promptId }) => promptId === id);
        if (item === undefined) continue;
        log.write("deleted", item);
        queue.delete(item.promptId);
      }
      return await sendNothing(reply);
    },
  });
}

function addHistory(app: FastifyInstance, history: History): void {
  addRoute(app, "/history", {
    GET: async ({ query }) => {
      const maxCount = intQuery(query, "max_items");
      return history.list(maxCount, intQuery(query, "offset") ?? -1);
    },
    POST: async (request, reply) => {
      const body = objectBody(request.body);
      if (ownValue(body, "clear")) history.clear();
      for (const id of idList(body)) history.delete(String(id));
      return await sendNothing(reply);
    },
  });
  addRoute(app, "/history/:promptId", {
    GET: async ({ params }) => {
      const { promptId } = params as { promptId: string };
      const entry = history.get(promptId);
      return entry === undefined ? {} : Object.fromEntries([[promptId, entry]]);
    },
  });
}

/**
 * Without a prompt id, an interrupt stops whichever prompt runs. With an id, it has an effect only
 * if that prompt runs now.
 */
function addInterrupt(app: FastifyInstance, context: QueueRoutesContext): void {
  const { queue, interruption, log } = context;
  addRoute(app, "/interrupt", {
    POST: async (request, reply) => {
      const promptId = ownValue(interruptBody(request.body), "prompt_id");
      const { running } = queue;
      if (!promptId || running?.promptId === promptId) {
        if (running !== undefined) log.write("interrupted", running);
        interruption.request();
      }
      return await sendNothing(reply);
    },
  });
}

function interruptBody(body: unknown): JsonObject {
  const value = isJson(body) ? jsonBody(body) : {};
  if (isJsonObject(value)) return value;
  throw new PythonError("AttributeError", "the body has no attribute 'get'");
}

function isJson(body: unknown): boolean {
  try {
    jsonBody(body);
    return true;
  } catch {
    return false;
  }
}

function objectBody(body: unknown): JsonObject {
  const value = jsonBody(body);
  if (isJsonObject(value)) return value;
  throw new PythonError("TypeError", "the body is no object");
}

function idList(body: JsonObject): Json[] {
  const ids = ownValue(body, "delete") ?? [];
  if (Array.isArray(ids)) return ids;
  throw new PythonError("TypeError", "object is not iterable");
}

function intQuery(query: unknown, name: string): number | undefined {
  const text = queryValue(query, name);
  if (text === undefined) return undefined;
  if (/^[+-]?\d+$/.test(text)) return Number(text);
  throw new PythonError("ValueError", `invalid literal for int() with base 10: '${text}'`);
}
