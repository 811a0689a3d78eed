import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { TaskSchema } from "../../gen/tmlsr/v1/task_pb.js";
import type { TaskView } from "../../service/task-view.js";
import { printResponse, printTimestamp } from "../rest/response-printer.js";
import { toProtoTask } from "../rpc/task-mapper.js";

/** An event of a task. */
export interface WebhookEvent {
  readonly deliveryId: string;
  readonly event: string;
  readonly at: Date;
}

/** What a receiver gets: the event, and the task as `GET /tasks/{task_id}` shows it. */
export function webhookBody({ deliveryId, event, at }: WebhookEvent, view: TaskView): string {
  const timestamp = printTimestamp(timestampFromDate(at));
  const head = JSON.stringify({ type: event, id: deliveryId, timestamp });
  return `${head.slice(0, -1)},"data":${printResponse(TaskSchema, toProtoTask(view))}}`;
}
