import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  type DeliveryService as DeliveryProto,
  type DeliverySchema,
  DeliveryStatus,
} from "../../gen/tmlsr/v1/delivery_service_pb.js";
import type { DeliveryService, DeliveryView } from "../../service/delivery-service.js";

/** The use cases behind tmlsr.v1.DeliveryService. */
export type Deliveries = Pick<DeliveryService, "list" | "redeliver">;

const STATUS: Readonly<Record<DeliveryView["state"], DeliveryStatus>> = {
  waiting: DeliveryStatus.WAITING,
  delivered: DeliveryStatus.DELIVERED,
  failed: DeliveryStatus.FAILED,
};

/** The handlers of tmlsr.v1.DeliveryService. */
export function createDeliveryHandlers(deliveries: Deliveries): ServiceImpl<typeof DeliveryProto> {
  return {
    async listDeliveries({ taskId }) {
      return { deliveries: (await deliveries.list(taskId)).map(toDelivery) };
    },

    async redeliverDelivery({ taskId, deliveryId }) {
      await deliveries.redeliver(taskId, deliveryId);
      return { status: DeliveryStatus.WAITING };
    },
  };
}

function toDelivery(delivery: DeliveryView): MessageInitShape<typeof DeliverySchema> {
  const { deliveryId, event, at, state, tries } = delivery;
  return {
    ...{ deliveryId, event, time: timestampFromDate(at), status: STATUS[state] },
    tries: tries.map(({ tryCount, at: triedAt, status, durationMs, error }) => ({
      ...{ try: tryCount, time: timestampFromDate(triedAt) },
      duration: Math.round(durationMs / 10) / 100,
      ...(status !== undefined && { status }),
      ...(error !== undefined && { error }),
    })),
  };
}
