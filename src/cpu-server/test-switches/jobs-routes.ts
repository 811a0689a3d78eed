import type { FastifyInstance } from "fastify";
import { addRoute, jsonBody, sendText } from "../http/http-server.js";
import { queryValue } from "../http/query.js";
import { isJsonObject, type JsonObject } from "../json.js";
import type { HistoryEntry } from "../prompts/history.js";
import type { QueuedPrompt } from "../prompts/prompt-queue.js";
import type { ServerParts } from "../server-hooks.js";

/** Adds the jobs API of newer servers. It is absent (404) while `isNewer` returns false. */
export function addJobsRoutes(
  app: FastifyInstance,
  parts: ServerParts,
  isNewer: () => boolean,
): void {
  app.addHook("onRequest", async (request, reply) => {
    if (/^\/api\/jobs\b/.test(request.url) && !isNewer()) {
      return await sendText(reply, 404, "404: Not Found");
    }
  });
  addRoute(app, "/api/jobs", {
    GET: async ({ query }) => listJobs(parts, query),
  });
  addRoute(app, "/api/jobs/:id", {
    GET: async ({ params }, reply) => {
      const { id } = params as { id: string };
      const job = allJobs(parts).find((candidate) => candidate["id"] === id);
      return job ?? (await reply.code(404).send({ error: "Job not found" }));
    },
  });
  addRoute(app, "/api/jobs/:id/cancel", {
    POST: async ({ params }) => ({ cancelled: cancel(parts, (params as { id: string }).id) }),
  });
  addRoute(app, "/api/jobs/cancel", {
    POST: async ({ body }, reply) => {
      const asked = jsonBody(body);
      const ids = isJsonObject(asked) ? asked["job_ids"] : undefined;
      if (!Array.isArray(ids)) return await reply.code(400).send({ error: "job_ids is required" });
      const hits = ids.map((id) => cancel(parts, String(id)));
      return { cancelled: hits.includes(true) };
    },
  });
}

/** Removes a waiting prompt or interrupts the running one, in one step. */
function cancel({ queue, interruption, log }: ServerParts, id: string): boolean {
  const waiting = queue.pending.find(({ promptId }) => promptId === id);
  if (waiting !== undefined) {
    log.write("deleted", waiting);
    queue.delete(id);
    return true;
  }
  if (queue.running?.promptId !== id) return false;
  log.write("interrupted", queue.running);
  interruption.request();
  return true;
}

function listJobs(parts: ServerParts, query: unknown): JsonObject {
  const wanted = queryValue(query, "status")?.split(",");
  const offset = Number(queryValue(query, "offset") ?? 0);
  const jobs = allJobs(parts).filter(
    (job) => wanted === undefined || wanted.includes(String(job["status"])),
  );
  const limit = Number(queryValue(query, "limit") ?? jobs.length);
  return {
    jobs: jobs.slice(offset, offset + limit),
    pagination: { offset, limit, total: jobs.length, has_more: offset + limit < jobs.length },
  };
}

function allJobs({ queue, history }: ServerParts): JsonObject[] {
  const { running } = queue;
  return [
    ...queue.pending.map((item) => queuedJob(item, "pending")),
    ...(running === undefined ? [] : [queuedJob(running, "in_progress")]),
    ...Object.entries(history.list(undefined, 0)).map(endedJob),
  ];
}

function queuedJob(item: QueuedPrompt, status: string): JsonObject {
  return {
    id: item.promptId,
    status,
    priority: item.number,
    create_time: item.extraData["create_time"] ?? null,
    outputs_count: 0,
  };
}

function endedJob([id, { prompt, outputs, status }]: [string, HistoryEntry]): JsonObject {
  const [number, , , extraData] = prompt;
  const [lastEvent, lastData] = status.messages.at(-1) ?? ["", {}];
  const words: Record<string, string> = {
    execution_success: "completed",
    execution_interrupted: "cancelled",
  };
  return {
    id,
    status: words[lastEvent] ?? "failed",
    priority: number,
    create_time: extraData["create_time"] ?? null,
    execution_start_time: status.messages[0]?.[1]["timestamp"] ?? null,
    execution_end_time: lastData["timestamp"] ?? null,
    ...(lastEvent === "execution_error" ? { execution_error: lastData } : {}),
    outputs_count: Object.keys(outputs).length,
    outputs,
  };
}
