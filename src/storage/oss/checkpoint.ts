import { z } from "zod";
import type { Json } from "../../domain/task.js";

/**
 * What an upload in parts needs to go on after a restart. The parts themselves are not in it: OSS
 * lists them, and the file tells which of them are right. So it is written once, however large the
 * file, and a process may die at any moment without a whole part being lost.
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

/** Reads a checkpoint. @returns undefined if it is none, or of another key */
export function parseCheckpoint(
  checkpoint: Json | undefined,
  key: string,
): OssCheckpoint | undefined {
  const parsed = CHECKPOINT.safeParse(checkpoint);
  return parsed.success && parsed.data.key === key ? parsed.data : undefined;
}

/** A checkpoint as it is kept. */
export function checkpointJson({ key, uploadId, partSizeBytes }: OssCheckpoint): Json {
  return { key, uploadId, partSizeBytes };
}
