import type { DescMethod, MessageShape } from "@bufbuild/protobuf";
import type { Interceptor, UnaryRequest } from "@connectrpc/connect";
import type { Act } from "../../domain/audit.js";
import type { Caller } from "../../domain/caller.js";
import { DeliveryService } from "../../gen/tmlsr/v1/delivery_service_pb.js";
import { KeyService } from "../../gen/tmlsr/v1/key_service_pb.js";
import { TaskService } from "../../gen/tmlsr/v1/task_service_pb.js";
import { UploadService } from "../../gen/tmlsr/v1/upload_service_pb.js";
import { addressKey, callerKey } from "./caller-context.js";

/** Is told who did what. */
export type NoteAct = (act: Act, caller: Caller, address: string) => void;

/** What a call did. @param answer undefined: it failed, and may have done a part of it. */
type Next = Parameters<Interceptor>[0];
type ReadActs = (request: never, answer: never) => readonly Act[];

const { createTask, batchCreateTasks, retryTask, cancelTask, cancelTasks } = TaskService.method;

const ACTS: ReadonlyMap<DescMethod, ReadActs> = new Map([
  acts(createTask, (_request, answer) => created(answer ? [answer.taskId] : [])),
  acts(batchCreateTasks, (_request, answer) => created(answer?.taskIds ?? [])),
  acts(retryTask, (_request, answer) =>
    answer ? [{ action: "task.retried", subject: answer.taskId }] : [],
  ),
  acts(cancelTask, ({ taskId }, answer) =>
    answer ? [{ action: "task.canceled", subject: taskId }] : [],
  ),
  acts(cancelTasks, ({ label, taskIds }, answer) => {
    const act = { action: "tasks.canceled", subject: label || taskIds.join(" ") } as const;
    return [answer ? { ...act, count: answer.canceled } : act];
  }),
  acts(DeliveryService.method.redeliverDelivery, ({ taskId, deliveryId }, answer) =>
    answer ? [{ action: "delivery.redelivered", subject: `${taskId} ${deliveryId}` }] : [],
  ),
  acts(KeyService.method.createKey, (_request, answer) =>
    answer ? [{ action: "key.created", subject: answer.keyId }] : [],
  ),
  acts(KeyService.method.revokeKey, ({ keyId }, answer) =>
    answer ? [{ action: "key.revoked", subject: keyId }] : [],
  ),
  // Noted where the file is taken, for the route and the RPC alike.
  acts(UploadService.method.upload, () => []),
]);

/** Whether it is known what a call of an RPC did. */
export function isAudited(method: DescMethod): boolean {
  return ACTS.has(method);
}

/** Notes what calls did. Put it innermost: a call that is refused does nothing. */
export function auditCalls(note: NoteAct): Interceptor {
  return (next) => (call) => {
    const read = ACTS.get(call.method);
    return read === undefined || call.stream ? next(call) : noted(next, call, read);
  };

  async function noted(next: Next, call: UnaryRequest, read: ReadActs): ReturnType<Next> {
    const caller = call.contextValues.get(callerKey);
    const address = call.contextValues.get(addressKey);
    const noteAll = (answer?: unknown) => {
      for (const act of read(call.message as never, answer as never)) note(act, caller, address);
    };
    try {
      const answer = await next(call);
      noteAll(answer.message);
      return answer;
    } catch (error) {
      noteAll();
      throw error;
    }
  }
}

function acts<M extends DescMethod>(
  method: M,
  read: (
    request: MessageShape<M["input"]>,
    answer: MessageShape<M["output"]> | undefined,
  ) => readonly Act[],
): readonly [DescMethod, ReadActs] {
  return [method, read as ReadActs];
}

function created(taskIds: readonly string[]): readonly Act[] {
  return taskIds.map((subject) => ({ action: "task.created", subject }));
}
