import { type Client, createClient, type Interceptor } from "@connectrpc/connect";
import { createConnectTransport } from "@connectrpc/connect-web";
import { MonitorService } from "../client/gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "../client/gen/tmlsr/v1/task_service_pb.js";
import { WorkflowService } from "../client/gen/tmlsr/v1/workflow_service_pb.js";

/** The services of the public API. A call ends after {@link CALL_LIMIT_MS} unless it says otherwise. */
export interface Clients {
  readonly tasks: Client<typeof TaskService>;
  readonly monitor: Client<typeof MonitorService>;
  readonly workflows: Client<typeof WorkflowService>;
}

const CALL_LIMIT_MS = 20_000;

/**
 * @param baseUrl The service's origin.
 * @param interceptor Sees every call.
 */
export function createClients(baseUrl: string, interceptor: Interceptor): Clients {
  const transport = createConnectTransport({
    ...{ baseUrl, useBinaryFormat: true, defaultTimeoutMs: CALL_LIMIT_MS },
    interceptors: [interceptor],
  });
  return {
    tasks: createClient(TaskService, transport),
    monitor: createClient(MonitorService, transport),
    workflows: createClient(WorkflowService, transport),
  };
}
