import type { DescMethod } from "@bufbuild/protobuf";
import { TaskService } from "../../gen/tmlsr/v1/task_service_pb.js";

/** Says how large the request messages of a method may be, in bytes. */
export type MaxBytesOf = (method: DescMethod) => number;

/** Limits of request messages, in bytes. */
export interface MessageLimits {
  readonly maxRequestBytes: number;
  /** For a request with many tasks. */
  readonly maxBatchBytes: number;
}

/** The limits by method. */
export function maxBytesOf({ maxRequestBytes, maxBatchBytes }: MessageLimits): MaxBytesOf {
  const { batchCreateTasks } = TaskService.method;
  return (method) => (method === batchCreateTasks ? maxBatchBytes : maxRequestBytes);
}
