import { create } from "@bufbuild/protobuf";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { type ErrorCode, TaskError } from "../../domain/errors.js";
import { UploadResponseSchema } from "../../gen/tmlsr/v1/upload_service_pb.js";
import { defined } from "../../lib/defined.js";
import { createProblem, type Problem, ProblemError } from "../calls/problem.js";
import { watchClient } from "../calls/watch-client.js";
import { printResponse } from "../rest/response-printer.js";
import { toProtoUpload, type Uploads } from "../rpc/upload-handlers.js";
import { refuseOtherMethods } from "./get-route.js";
import { FormBody, RawBody } from "./upload-body.js";

/**
 * How many bytes of a form may not belong to its file. They are subtracted from the announced
 * length of a form, because the size limit is for the file alone.
 */
const FORM_OVERHEAD_BYTES = 64 * 1024;

/**
 * Serves `POST /uploads`. The body is a file, or a form with one file. It is written to disk while
 * it arrives, so a large file needs no memory.
 *
 * @param uploadsOf the use cases for whoever calls.
 * @param origins origins whose pages may upload, besides the service's own; `*` allows any. The
 *   check is needed because a browser sends a form to another site without asking that site.
 */
export function registerUploads(
  app: FastifyInstance,
  uploadsOf: (request: FastifyRequest) => Uploads,
  origins: readonly string[],
): void {
  void app.register((scope, _options, done) => {
    // Fastify must not read the body, whatever its type: the upload reads it.
    scope.removeAllContentTypeParsers();
    scope.addContentTypeParser("*", (_request, _body, parsed) => parsed(null));
    scope.decorateRequest(CALL, null);
    for (const url of ["/uploads", "/uploads/"]) {
      scope.post(url, {
        onRequest: async (request, reply) => {
          refuseForeignPage(request, origins);
          request.setDecorator(CALL, openCall(request, reply));
        },
        handler: (request, reply) => answer(request, reply, uploadsOf(request)),
      });
      refuseOtherMethods(scope, url, ["POST"]);
    }
    done();
  });
}

const CALL = "uploadCall";

interface UploadCall {
  readonly mediaType: string;
  readonly signal: AbortSignal;
}

function openCall({ headers }: FastifyRequest, reply: FastifyReply): UploadCall {
  const { "content-type": mediaType = "" } = headers;
  // Removed, because Fastify would refuse a malformed Content-Type.
  delete headers["content-type"];
  return { mediaType, signal: watchClient(reply) };
}

async function answer(
  request: FastifyRequest,
  reply: FastifyReply,
  uploads: Uploads,
): Promise<FastifyReply> {
  const { mediaType, signal } = request.getDecorator<UploadCall>(CALL);
  const { "content-length": length = 0, "content-disposition": disposition } = request.headers;
  try {
    const upload = await uploads.take(bodyOf(request, mediaType), {
      signal,
      declaredBytes: Number(length) - (isForm(mediaType) ? FORM_OVERHEAD_BYTES : 0),
      ...defined({ disposition }),
    });
    const message = create(UploadResponseSchema, toProtoUpload(upload));
    const text = printResponse(UploadResponseSchema, message);
    return await reply.code(201).type("application/json; charset=utf-8").send(text);
  } catch (thrown) {
    const problem = problemOf(thrown);
    // The client sends too slowly, so no further request is expected on this connection.
    if (problem?.status === 408 && request.raw.httpVersionMajor === 1)
      reply.header("connection", "close");
    throw problem === undefined ? thrown : new ProblemError(problem, { cause: thrown });
  } finally {
    // Reads the rest of the body. If it stopped here, the client would see a broken connection
    // instead of the answer.
    request.raw.resume();
  }
}

function bodyOf({ raw, query }: FastifyRequest, mediaType: string): RawBody | FormBody {
  if (isForm(mediaType)) return new FormBody(raw, mediaType);
  const { name } = query as { readonly name?: unknown };
  return new RawBody(raw, typeof name === "string" ? name : undefined);
}

function isForm(mediaType: string): boolean {
  return /^\s*multipart\/form-data\b/i.test(mediaType);
}

/** Errors for which HTTP has a status of its own. */
const STATUS_OF_ERROR: { readonly [code in ErrorCode]?: number } = {
  INPUT_TIMEOUT: 408,
  INPUT_TOO_LARGE: 413,
  INPUT_TYPE_UNSUPPORTED: 415,
};

function problemOf(thrown: unknown): Problem | undefined {
  if (!(thrown instanceof TaskError)) return undefined;
  const status = STATUS_OF_ERROR[thrown.code];
  return status === undefined ? undefined : createProblem(status, thrown.code, thrown.message);
}

function refuseForeignPage({ headers }: FastifyRequest, origins: readonly string[]): void {
  const { origin, host = headers[":authority"] } = headers;
  if (origin === undefined || origins.includes("*") || origins.includes(origin)) return;
  if (URL.canParse(origin) && new URL(origin).host === host) return;
  const detail = "Cannot take the upload: pages of this origin may not call the service";
  throw new ProblemError(createProblem(403, "PERMISSION_DENIED", detail));
}
