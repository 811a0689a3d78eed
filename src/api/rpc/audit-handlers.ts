import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { AuditLog } from "../../access/audit-log.js";
import type { AuditEntry } from "../../domain/audit.js";
import type { AuditEntrySchema, AuditService } from "../../gen/tmlsr/v1/audit_service_pb.js";

/** The use cases behind tmlsr.v1.AuditService. */
export type Audit = Pick<AuditLog, "list">;

const DEFAULT_PAGE_SIZE = 50;

/** The handlers of tmlsr.v1.AuditService. */
export function createAuditHandlers(audit: Audit): ServiceImpl<typeof AuditService> {
  return {
    async listAudit({ pageSize, pageToken }) {
      const size = pageSize || DEFAULT_PAGE_SIZE;
      const { entries, nextPageToken = "" } = await audit.list(size, pageToken || undefined);
      return { entries: entries.map(toProtoEntry), nextPageToken };
    },
  };
}

function toProtoEntry({ at, ...rest }: AuditEntry): MessageInitShape<typeof AuditEntrySchema> {
  return { time: timestampFromDate(at), ...rest };
}
