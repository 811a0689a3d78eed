import { z } from "zod";

/** Documents of the REST API, as far as the command reads them; printed as they came. */

const stage = z.looseObject({ name: z.string(), status: z.string(), detail: z.string() });

const output = z.looseObject({
  url: z.string(),
  size_bytes: z.number(),
  file_name: z.string(),
});

const task = z.looseObject({
  task_id: z.string(),
  status: z.enum(["pending", "processing", "completed", "failed", "canceled"]),
  progress: z.number(),
  stages: z.array(stage),
  running_node: z.string().nullish(),
  output: output.nullish(),
  error: z.string().nullish(),
  error_code: z.string().nullish(),
  workflow: z.string().default(""),
  created_at: z.string().default(""),
  params: z.looseObject({ url: z.string() }),
});

/** A task as `GET /tasks/{task_id}` shows it. */
export type TaskDocument = z.infer<typeof task>;

/** One message of a stream of tasks. */
export const watched = z.looseObject({
  task,
  cursor: z.string().default(""),
  gone: z.boolean().default(false),
});

export const documents = {
  task,
  created: z.looseObject({ task_id: z.string() }),
  upload: z.looseObject({ url: z.string() }),
  tasks: z.looseObject({ tasks: z.array(task), next_page_token: z.string().default("") }),
  canceled: z.looseObject({ canceled: z.number() }),
  any: z.looseObject({}),
  problem: z.looseObject({
    detail: z.string(),
    code: z.string().default(""),
    errors: z.array(z.looseObject({ field: z.string(), message: z.string() })).default([]),
  }),
} as const;

/** Whether a task will not change any more. */
export function hasEnded({ status }: TaskDocument): boolean {
  return status === "completed" || status === "failed" || status === "canceled";
}
