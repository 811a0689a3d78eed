/**
 * The answers of ComfyUI over HTTP: only the used parts. Unknown keys and unused values of any type
 * are ignored, since versions and node packs differ. An answer that does not fit is refused as a
 * whole. Sources: ComfyUI 0.3.64 `server.py` and `execution.py` (recorded against a running
 * server), and the newer ones of 2026, which add keys and a sixth element to queue items.
 */
import { z } from "zod";
import type { OutputFile } from "../domain/task.js";
import { defined } from "../lib/defined.js";

/** Any JSON object. */
export const recordSchema = z.record(z.string(), z.unknown());
const text = z.string().catch("");
const optionalText = z.string().optional().catch(undefined);
const optionalNumber = z.number().optional().catch(undefined);

/** One prompt of `GET /queue`: `[number, prompt_id, graph, extra_data, outputs, ...]`. */
const queueItemSchema = z
  .tuple([z.unknown(), z.string()])
  .rest(z.unknown())
  .transform(([, promptId, , extraData]) => ({ promptId, extraData: asRecord(extraData) }));

/**
 * `GET /queue`. The pending prompts are in the order of a heap, not in the order in which they will
 * run.
 */
export const queueSchema = z
  .object({ queue_running: z.array(queueItemSchema), queue_pending: z.array(queueItemSchema) })
  .transform((queue) => ({ running: queue.queue_running, pending: queue.queue_pending }));

/** Prompts that a server runs or will run. */
export type Queue = z.infer<typeof queueSchema>;

/** `GET /prompt`. */
export const queueRemainingSchema = z
  .object({ exec_info: z.object({ queue_remaining: z.number() }) })
  .transform((answer) => answer.exec_info.queue_remaining);

/** `GET /system_stats`. Sizes in bytes. */
export const systemStatsSchema = z
  .object({
    system: z.object({ comfyui_version: optionalText, ram_total: optionalNumber }),
    devices: z
      .array(
        z
          .object({ name: text, type: text, vram_total: optionalNumber, vram_free: optionalNumber })
          .transform((device) => ({
            name: device.name,
            type: device.type,
            ...defined({ memoryBytes: device.vram_total, freeMemoryBytes: device.vram_free }),
          })),
      )
      .catch([]),
  })
  .transform(({ system, devices }) => ({
    version: system.comfyui_version ?? "unknown",
    ...defined({ machineBytes: system.ram_total }),
    devices,
  }));

/** A server's description of itself. */
export type SystemStats = z.infer<typeof systemStatsSchema>;

/** `GET /features`. */
export const featuresSchema = z
  .object({ max_upload_size: optionalNumber })
  .transform(({ max_upload_size }) => defined({ maxUploadBytes: max_upload_size }));

/** The features of a server. */
export type Features = z.infer<typeof featuresSchema>;

/** One reason in `node_errors`. */
const nodeErrorSchema = z.object({
  type: text,
  message: text,
  details: text,
  extra_info: recordSchema.catch({}),
});

/** `node_errors` of a refused prompt, or of a prompt that was accepted in part. */
export const nodeErrorsSchema = z.record(
  z.string(),
  z.object({ class_type: text, errors: z.array(nodeErrorSchema).catch([]) }),
);

/** Why the nodes of a prompt were refused, by node id. */
export type NodeErrors = z.infer<typeof nodeErrorsSchema>;

/** `POST /prompt` with 200. `node_errors` is not empty if outputs were dropped silently. */
export const submittedSchema = z.object({
  prompt_id: z.string(),
  number: optionalNumber,
  node_errors: nodeErrorsSchema.nullish().transform((errors) => errors ?? {}),
});

/** `POST /prompt` with 400. */
export const rejectionSchema = z.object({
  error: nodeErrorSchema,
  node_errors: nodeErrorsSchema.catch({}),
});

/** Why a prompt was refused. */
export type Rejection = z.infer<typeof rejectionSchema>;

/** `execution_error`, as an event and in the history. */
export const executionErrorSchema = z.object({
  node_id: text,
  node_type: text,
  exception_type: text,
  exception_message: text,
});

/** The error of a node. */
export type ExecutionError = z.infer<typeof executionErrorSchema>;

/** One prompt of `GET /history/{id}`. */
export const historyEntrySchema = z.object({
  outputs: recordSchema.nullish().transform((outputs) => outputs ?? {}),
  status: z
    .object({
      status_str: text,
      messages: z.array(z.tuple([z.string(), z.unknown()]).rest(z.unknown())).catch([]),
    })
    .nullish()
    .transform((status) => status ?? undefined),
});

/** How a prompt ended. */
export type HistoryEntry = z.infer<typeof historyEntrySchema>;

/** `GET /history/{id}`: empty for unknown, pending and running prompts. */
export const historySchema = z.record(z.string(), historyEntrySchema);

/** `POST /upload/image`. */
export const uploadedSchema = z.object({ name: z.string().min(1), subfolder: text });

/** `POST /api/jobs/{id}/cancel`. */
export const jobCanceledSchema = z.object({ cancelled: z.boolean() });

/** `GET /models/{folder}`. */
export const modelsSchema = z.array(z.string());

const outputFileSchema = z.object({
  filename: z.string().min(1),
  subfolder: text,
  type: z.string().min(1).catch("output"),
});

/** The files among the outputs of one node, by key. Text, flags and nulls are left out. */
export function outputFiles(output: unknown): Readonly<Record<string, readonly OutputFile[]>> {
  const lists = Object.entries(asRecord(output)).map(([key, items]) => {
    const files = (Array.isArray(items) ? items : []).flatMap((item) => {
      const parsed = outputFileSchema.safeParse(item);
      return parsed.success ? [parsed.data] : [];
    });
    return [key, files] as const;
  });
  return Object.fromEntries(lists.filter(([, files]) => files.length > 0));
}

/** The value itself if it is an object, otherwise an empty object. */
export function asRecord(value: unknown): Readonly<Record<string, unknown>> {
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  return isObject ? (value as Record<string, unknown>) : {};
}
