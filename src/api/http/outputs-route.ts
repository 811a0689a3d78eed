import type { FastifyInstance } from "fastify";
import { refuseOtherMethods } from "./get-route.js";
import { type OutputFile, sendFile } from "./send-file.js";

/** The results that the service itself serves. */
export interface OutputFiles {
  /** @returns undefined if there is no such object; `key` may be any text. */
  open(key: string): Promise<OutputFile | undefined>;
}

interface OutputParams {
  readonly taskId: string;
  /**
   * The file's name. It is a wildcard, because Fastify limits a named parameter to 100 characters.
   */
  readonly "*": string;
}

/**
 * Serves `GET` and `HEAD /outputs/{task_id}/{file}`: the whole file or one range of bytes.
 * Conditions on ETag and date are those of RFC 9110.
 */
export function registerOutputs(app: FastifyInstance, files: OutputFiles): void {
  app.route<{ Params: OutputParams }>({
    method: ["GET", "HEAD"],
    url: URL_PATTERN,
    handler: async (request, reply) => {
      const { taskId, "*": file } = request.params;
      const output = file.includes("/") ? undefined : await files.open(`outputs/${taskId}/${file}`);
      if (output === undefined) return reply.callNotFound();
      return sendFile(request, reply, output, file);
    },
  });
  refuseOtherMethods(app, URL_PATTERN, ["GET", "HEAD"]);
}

const URL_PATTERN = "/outputs/:taskId/*";
