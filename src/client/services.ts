import { type Client, createClient, type Transport } from "@connectrpc/connect";
import { DeliveryService } from "./gen/tmlsr/v1/delivery_service_pb.js";
import { MonitorService } from "./gen/tmlsr/v1/monitor_service_pb.js";
import { TaskService } from "./gen/tmlsr/v1/task_service_pb.js";
import { WorkflowService } from "./gen/tmlsr/v1/workflow_service_pb.js";

/** The services that every transport of Connect can call. */
export interface Services {
  readonly tasks: Client<typeof TaskService>;
  readonly monitor: Client<typeof MonitorService>;
  readonly workflows: Client<typeof WorkflowService>;
  readonly deliveries: Client<typeof DeliveryService>;
  /** What the clients share, for clients of other services at the same address. */
  readonly transport: Transport;
}

/** Makes the clients. */
export function createServices(transport: Transport): Services {
  return {
    tasks: createClient(TaskService, transport),
    monitor: createClient(MonitorService, transport),
    workflows: createClient(WorkflowService, transport),
    deliveries: createClient(DeliveryService, transport),
    transport,
  };
}
