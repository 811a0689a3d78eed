import { setTimeout as sleep } from "node:timers/promises";
import { Code, ConnectError, type ServiceImpl } from "@connectrpc/connect";
import {
  type Health,
  HealthCheckResponse_ServingStatus as Status,
} from "../../gen/grpc/health/v1/health_pb.js";
import { askReadiness, type Readiness } from "../calls/readiness.js";

/** How often a watched status is checked. */
const POLL_MS = 1_000;

/**
 * grpc.health.v1: SERVING while the service can take and run tasks. The empty name stands for all
 * services. All named services share one status, since they share one process.
 *
 * When the service stops, a watch ends with NOT_SERVING and UNAVAILABLE.
 */
export function createHealthHandlers(
  serviceNames: readonly string[],
  ready: () => Promise<Readiness>,
  shutdownSignal: AbortSignal,
): ServiceImpl<typeof Health> {
  const names = ["", ...serviceNames];
  const overallStatus = async () => {
    if (shutdownSignal.aborted) return Status.NOT_SERVING;
    return (await askReadiness(ready)).ready ? Status.SERVING : Status.NOT_SERVING;
  };
  return {
    async check({ service }) {
      if (!names.includes(service))
        throw new ConnectError(`Unknown service "${service}"`, Code.NotFound);
      return { status: await overallStatus() };
    },

    async list() {
      const status = await overallStatus();
      return { statuses: Object.fromEntries(names.map((name) => [name, { status }])) };
    },

    async *watch({ service }, { signal }) {
      const isKnown = names.includes(service);
      for (let last: Status | undefined; ; ) {
        const status = isKnown ? await overallStatus() : Status.SERVICE_UNKNOWN;
        if (status !== last) yield { status };
        last = status;
        signal.throwIfAborted();
        await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
      }
    },
  };
}
