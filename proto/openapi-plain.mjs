// What the OpenAPI document says that no proto file does: the routes that are no RPCs, errors,
// headers and examples.

export const INFO = {
  title: "TMLSR",
  version: "1",
  summary: "Super-resolution of images and videos",
  description: [
    "Submit an image or a video, follow the task, fetch the result.",
    "In requests null is the same as left out, and unknown fields are ignored. In responses every field is there; what is unset is null.",
    "Times are RFC 3339 in UTC with six fractional digits.",
    "Errors are `application/problem+json`; programs look at `code`.",
    "The request header `X-Server-Timeout` (seconds) sets a deadline for any call; after it the answer is 504.",
  ].join("\n\n"),
  license: { name: "MIT", identifier: "MIT" },
};

/** Headers that do as well as a field of the request. */
export const HEADERS_OF_FIELDS = {
  cursor: "Last-Event-ID",
  idempotency_key: "Idempotency-Key",
};

/** Examples of values by the name of their field. */
export const FIELD_EXAMPLES = {
  address: "http://127.0.0.1:8188",
  duration: 52.17,
  error: 'Cannot download input "https://example.com/image.jpg": server answered 404',
  error_code: "INPUT_NOT_FOUND",
  file_name: "result.png",
  height: 1024,
  last_active: 1767363327.06,
  media_type: "image/png",
  name: "seedvr2_image_4096",
  progress: 100,
  server: "http://127.0.0.1:8188",
  size_bytes: 14029947,
  size_mb: 13.38,
  task_id: "f692edeb41cb4a3eaebd2db0044c0778",
  url: "https://example.com/image.jpg",
  width: 1024,
  workflow: "seedvr2_image_4096",
};

/** Examples of request bodies by RPC. */
export const REQUEST_EXAMPLES = {
  CreateTask: {
    image: {
      summary: "An image",
      value: {
        url: "https://example.com/image.jpg",
        type: "image",
        workflow: "seedvr2_image_4096.json",
      },
    },
    video: { summary: "A video", value: { url: "https://example.com/video.mp4" } },
  },
};

export const PROBLEM_SCHEMA = {
  type: "object",
  description: "An error (RFC 9457).",
  properties: {
    type: { type: "string", description: "Always `about:blank`." },
    title: { type: "string", description: "The phrase of the HTTP status." },
    detail: { type: "string", description: "What failed, on what, what to do." },
    code: { type: "string", description: "Stable, for programs.", examples: ["TASK_NOT_FOUND"] },
    errors: {
      type: "array",
      description: "All that is wrong with a request; only where single fields are wrong.",
      items: {
        type: "object",
        properties: {
          field: { type: "string", description: "Name of the field, dotted for nested ones." },
          message: { type: "string", description: "What is wrong with it." },
        },
        required: ["field", "message"],
      },
    },
  },
  required: ["type", "title", "detail", "code"],
};

export const PLAIN_TAG = { name: "Plain", description: "Routes that are no RPCs." };

const READINESS = {
  type: "object",
  properties: {
    ready: { type: "boolean", description: "Whether it can take and run work." },
    reason: { type: "string", description: "Why not, in one sentence; absent when ready." },
  },
  required: ["ready"],
};

const UPLOAD_URL = "upload://9f86d081884c7d659a2feaa0c55ad015/photo.jpg";

const UPLOAD = {
  type: "object",
  properties: {
    url: {
      type: "string",
      description: "The `url` of tasks to be created with the file. Whoever knows it can use it.",
      examples: [UPLOAD_URL],
    },
    size_bytes: { type: "integer", description: "What was taken.", examples: [482113] },
    media_type: { type: "string", description: "By the content.", examples: ["image/jpeg"] },
    expires_at: {
      type: "string",
      format: "date-time",
      description: "Until when tasks can be created with it.",
      examples: ["2026-01-03T14:14:34.789000Z"],
    },
  },
  required: ["url", "size_bytes", "media_type", "expires_at"],
};

const BYTES = { type: "string", contentMediaType: "application/octet-stream" };

const PROBLEM = {
  "application/problem+json": { schema: { $ref: "#/components/schemas/Problem" } },
};

const TASK_ID = {
  name: "task_id",
  in: "path",
  required: true,
  description: "The id that CreateTask answered.",
  schema: { type: "string" },
};

export const PLAIN_PATHS = {
  "/ready": {
    get: {
      operationId: "GetReady",
      tags: [PLAIN_TAG.name],
      summary: "Says whether the service can take and run work",
      responses: {
        200: { description: "It can", content: { "application/json": { schema: READINESS } } },
        503: { description: "It cannot", content: { "application/json": { schema: READINESS } } },
      },
    },
  },
  "/uploads": {
    post: {
      operationId: "Upload",
      tags: [PLAIN_TAG.name],
      summary: "Takes a file for tasks to be created with",
      description:
        "The body is the file itself, of any media type, or a form with one file. It is kept until it has expired and every task created with it has ended.",
      parameters: [
        {
          name: "name",
          in: "query",
          description: "What the file is called, where the body is the file itself.",
          schema: { type: "string" },
          example: "photo.jpg",
        },
        {
          name: "Content-Disposition",
          in: "header",
          description: "The same, as `attachment; filename=...`; `name` wins.",
          schema: { type: "string" },
        },
      ],
      requestBody: {
        required: true,
        content: {
          "application/octet-stream": { schema: BYTES },
          "multipart/form-data": {
            schema: { type: "object", properties: { file: BYTES }, required: ["file"] },
          },
        },
      },
      responses: {
        201: { description: "The file is kept", content: { "application/json": { schema: UPLOAD } } },
        400: { description: "It is empty, or no form with one file", content: PROBLEM },
        403: { description: "It comes from a page that may not call", content: PROBLEM },
        408: { description: "Nothing came for too long", content: PROBLEM },
        413: { description: "It is too large", content: PROBLEM },
        415: { description: "It is neither an image nor a video", content: PROBLEM },
        503: { description: "It cannot be stored", content: PROBLEM },
        default: { description: "Any other error", content: PROBLEM },
      },
    },
  },
  ...Object.fromEntries(
    ["input", "output"].map((side) => [
      `/tasks/{task_id}/preview/${side}`,
      {
        get: {
          operationId: `Get${side === "input" ? "Input" : "Output"}Preview`,
          tags: [PLAIN_TAG.name],
          summary: `Fetches a small picture of the ${side}`,
          description:
            "A WebP that never changes; of a film, one of its frames. Never wider than what it shows.",
          parameters: [
            TASK_ID,
            {
              name: "w",
              in: "query",
              description: "How wide at most, in pixels; 640 if it is left out.",
              schema: { type: "string", enum: ["320", "640", "1280", "1920"] },
            },
          ],
          responses: {
            200: { description: "The picture", content: { "image/webp": {} } },
            304: { description: "It has not changed", content: {} },
            404: { description: "There is none, or none yet (PREVIEW_NOT_AVAILABLE)", content: PROBLEM },
          },
        },
      },
    ]),
  ),
  "/tasks/{task_id}/input": {
    get: {
      operationId: "GetInput",
      tags: [PLAIN_TAG.name],
      summary: "Fetches the input where it was uploaded",
      description: "Where files are kept in OSS it leads to a URL there.",
      parameters: [TASK_ID],
      responses: {
        200: { description: "The file", content: { "*/*": {} } },
        206: { description: "The part of the file", content: { "*/*": {} } },
        302: { description: "It is there", content: {} },
        404: {
          description: "It was not uploaded, or has expired (INPUT_NOT_AVAILABLE)",
          content: PROBLEM,
        },
      },
    },
  },
  "/outputs/{task_id}/{file}": {
    get: {
      operationId: "GetOutput",
      tags: [PLAIN_TAG.name],
      summary: "Fetches a result that is kept on the local disk",
      description: "Only where results are kept there; `output.url` of a task leads to it.",
      parameters: [
        {
          name: "task_id",
          in: "path",
          required: true,
          description: "The id that CreateTask answered.",
          schema: { type: "string" },
        },
        {
          name: "file",
          in: "path",
          required: true,
          description: "`output.file_name` of the task.",
          schema: { type: "string" },
        },
        {
          name: "Range",
          in: "header",
          description: "A part of the file.",
          schema: { type: "string" },
          example: "bytes=0-1023",
        },
      ],
      responses: {
        200: { description: "The file", content: { "*/*": {} } },
        206: { description: "The part of the file", content: { "*/*": {} } },
        404: { description: "No such file", content: PROBLEM },
        416: { description: "No such part", content: PROBLEM },
      },
    },
  },
};
