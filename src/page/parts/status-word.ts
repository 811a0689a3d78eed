import { TaskStatus } from "../../client/gen/tmlsr/v1/task_pb.js";

const WORDS = {
  [TaskStatus.UNSPECIFIED]: "unspecified",
  [TaskStatus.PENDING]: "pending",
  [TaskStatus.PROCESSING]: "processing",
  [TaskStatus.COMPLETED]: "completed",
  [TaskStatus.FAILED]: "failed",
  [TaskStatus.CANCELED]: "canceled",
} as const;

/** The word of a status, as the API has it. */
export function statusWord(status: TaskStatus): (typeof WORDS)[TaskStatus] {
  return WORDS[status];
}
