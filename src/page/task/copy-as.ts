import type { Task } from "../../client/gen/tmlsr/v1/task_pb.js";
import { typeWord } from "../parts/task-words.js";

/** The request that made a task, as a command with curl. */
export function asCurl(origin: string, task: Task): string {
  const body = quote(JSON.stringify({ ...requestOf(task), type: typeWord(task.type) }));
  return `curl -s ${origin}/tasks -H 'Content-Type: application/json' -d ${body}`;
}

/** The request that made a task, as a gRPC call with buf; the service reflects itself. */
export function asGrpc(origin: string, task: Task): string {
  const type = `TASK_TYPE_${typeWord(task.type).toUpperCase()}`;
  const body = quote(JSON.stringify({ ...requestOf(task), type }));
  const cleartext = origin.startsWith("http:") ? " --http2-prior-knowledge" : "";
  return `buf curl${cleartext} --protocol grpc -d ${body} ${origin}/tmlsr.v1.TaskService/CreateTask`;
}

function requestOf({ params, workflow, parameters, priority, labels }: Task): object {
  return {
    url: params?.url ?? "",
    workflow,
    ...(parameters !== undefined && Object.keys(parameters).length > 0 && { parameters }),
    ...(priority !== 1 && { priority }),
    ...(Object.keys(labels).length > 0 && { labels }),
  };
}

/** One word of a POSIX shell. */
function quote(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
