import type { FastifyInstance } from "fastify";
import { jsonBody } from "../http/http-server.js";
import { isJsonObject } from "../json.js";
import type { ServerParts } from "../server-hooks.js";
import type { Switches } from "./switches.js";

/** Adds the hook that carries out the `uniqueIds` switch: an id that queue or history know is refused. */
export function addUniqueIds(
  app: FastifyInstance,
  { queue, history }: ServerParts,
  switches: () => Switches,
): void {
  app.addHook("preHandler", async ({ method, url, body }, reply) => {
    const isSubmission = method === "POST" && url.split("?")[0] === "/prompt";
    if (!switches().uniqueIds || !isSubmission) return;
    const asked = jsonBody(body);
    const promptId = isJsonObject(asked) ? asked["prompt_id"] : undefined;
    if (typeof promptId !== "string") return;
    const isQueued = [queue.running, ...queue.pending].some((item) => item?.promptId === promptId);
    const isKnown = isQueued || history.get(promptId) !== undefined;
    if (isKnown) await reply.code(409).send({ error: "prompt_id already exists" });
  });
}
