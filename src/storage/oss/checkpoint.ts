import { z } from "zod";
import type { Json } from "../../domain/task.js";

/**
 * The data with which an upload in parts resumes after a restart. It does not contain the parts:
 * OSS lists them, and the file shows which of them are right. So the checkpoint is written only
 * once, however large the file is, and a dying process never loses a complete part.
 */
export interface OssCheckpoint {
  readonly key: string;
  readonly uploadId: string;
  readonly partSizeBytes: number;
}

const CHECKPOINT = z.object({
  key: z.string(),
  uploadId: z.string().min(1),
  partSizeBytes: z.number().int().positive(),
});

/** Reads a checkpoint. @returns undefined if it is not a checkpoint, or belongs to another key */
export function parseCheckpoint(
  checkpoint: Json | undefined,
  key: string,
): OssCheckpoint | undefined {
  const parsed = CHECKPOINT.safeParse(checkpoint);
  return parsed.success && parsed.data.key === key ? parsed.data : undefined;
}

/** A checkpoint in its stored form. */
export function checkpointJson({ key, uploadId, partSizeBytes }: OssCheckpoint): Json {
  return { key, uploadId, partSizeBytes };
}
