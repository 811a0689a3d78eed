import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply } from "fastify";
import { defined } from "../../lib/defined.js";
import { isJsonObject, type Json, type JsonObject, ownValue } from "../json.js";
import type { NodeClasses } from "../nodes/node-class.js";
import { castValue } from "../prompts/cast-value.js";
import type { PromptQueue, QueuedPrompt } from "../prompts/prompt-queue.js";
import { type PromptVerdict, validatePrompt } from "../prompts/validate-prompt.js";
import { PythonError, pythonStr } from "../python-text.js";
import type { RunLog } from "../run-log.js";
import { addRoute, jsonBody } from "./http-server.js";

/** The parts of the server that submitting needs. */
export interface PromptRoutesContext {
  readonly queue: PromptQueue;
  readonly nodes: NodeClasses;
  readonly log: RunLog;
  readonly isNewer: () => boolean;
}

/** Adds `GET /prompt` and `POST /prompt`. */
export function addPromptRoutes(app: FastifyInstance, context: PromptRoutesContext): void {
  let counter = 0;
  // A refused prompt also uses up a number. A number that the client sends does not.
  const nextNumber = (body: JsonObject): number => {
    const explicit = ownValue(body, "number");
    if (explicit !== undefined) return Number(castValue("FLOAT", explicit));
    const number = body["front"] ? -counter : counter;
    counter += 1;
    return number;
  };
  addRoute(app, "/prompt", {
    GET: async () => ({ exec_info: { queue_remaining: context.queue.remainingCount } }),
    POST: async (request, reply) => {
      const body = jsonBody(request.body);
      if (!isJsonObject(body)) throw new PythonError("TypeError", "the body is no object");
      return await submit(body, nextNumber(body), context, reply);
    },
  });
}

async function submit(
  body: JsonObject,
  number: number,
  context: PromptRoutesContext,
  reply: FastifyReply,
): Promise<unknown> {
  const prompt = ownValue(body, "prompt");
  if (prompt === undefined) return await reject(reply, failed("no_prompt", "No prompt provided"));
  const promptId = choosePromptId(ownValue(body, "prompt_id"), context.isNewer());
  if (promptId === undefined) {
    return await reject(reply, failed("invalid_prompt_id", "prompt_id must be a valid UUID"));
  }
  const targets = ownValue(body, "partial_execution_targets");
  const verdict = await validatePrompt(prompt, targets, {
    nodes: context.nodes,
    isNewer: context.isNewer(),
  });
  const extraData = takeExtraData(body, context.isNewer());
  if ("error" in verdict) return await reject(reply, verdict);
  const { outputNodes, nodeErrors } = verdict;
  const item: QueuedPrompt = { number, promptId, prompt: verdict.prompt, extraData, outputNodes };
  context.log.write("submitted", item);
  context.queue.put(item);
  return { prompt_id: promptId, number, node_errors: Object.fromEntries(nodeErrors) };
}

/** 0.3.64 accepts any value as an id, even null. Newer servers require a UUID in lower case. */
function choosePromptId(given: Json | undefined, isNewer: boolean): string | undefined {
  if (given === undefined || (isNewer && given === null)) return randomUUID();
  if (!isNewer) return pythonStr(given);
  return typeof given === "string" && UUID.test(given) ? given : undefined;
}

function takeExtraData(body: JsonObject, isNewer: boolean): JsonObject {
  const extraData =
    ownValue(body, "extra_data") ?? (ownValue(body, "extra_data") === null ? null : {});
  if (!isJsonObject(extraData)) throw new PythonError("TypeError", "extra_data is no object");
  const clientId = ownValue(body, "client_id");
  return {
    ...extraData,
    ...defined({ client_id: clientId, create_time: isNewer ? Date.now() : undefined }),
  };
}

type Rejection = Extract<PromptVerdict, { error: unknown }>;

function failed(type: string, message: string): Rejection {
  return { error: { type, message, details: message, extra_info: {} }, nodeErrors: new Map() };
}

async function reject(reply: FastifyReply, { error, nodeErrors }: Rejection): Promise<unknown> {
  return await reply.code(400).send({ error, node_errors: Object.fromEntries(nodeErrors) });
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
