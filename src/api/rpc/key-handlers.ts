import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampDate, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ServiceImpl } from "@connectrpc/connect";
import type { Keys as KeyUseCases } from "../../access/keys.js";
import type { Scope } from "../../domain/caller.js";
import {
  type KeyService as KeyProto,
  type KeySchema,
  Scope as ProtoScope,
} from "../../gen/tmlsr/v1/key_service_pb.js";
import { defined } from "../../lib/defined.js";
import { invalidRequest } from "../calls/invalid-request.js";

/** The use cases behind tmlsr.v1.KeyService. */
export type Keys = Pick<KeyUseCases, "create" | "list" | "revoke">;

type StoredKey = Awaited<ReturnType<Keys["revoke"]>>;

/** The handlers of tmlsr.v1.KeyService. */
export function createKeyHandlers(keys: Keys): ServiceImpl<typeof KeyProto> {
  return {
    async createKey({ tenant, scopes, expiresAt, title }) {
      const { text, key } = await keys.create({
        ...{ title, scopes: scopes.flatMap((scope) => toScope(scope) ?? []) },
        ...defined({ tenant: tenant || undefined, expiresAt: toDate(expiresAt) }),
      });
      return { key: text, ...toProtoKey(key) };
    },

    async listKeys() {
      return { keys: (await keys.list()).map(toProtoKey) };
    },

    async revokeKey({ keyId }) {
      return { key: toProtoKey(await keys.revoke(keyId)) };
    },
  };
}

const PROTO_SCOPE: Readonly<Record<Scope, ProtoScope>> = {
  read: ProtoScope.READ,
  submit: ProtoScope.SUBMIT,
  operate: ProtoScope.OPERATE,
  admin: ProtoScope.ADMIN,
};

function toScope(scope: ProtoScope): Scope | undefined {
  return (Object.keys(PROTO_SCOPE) as Scope[]).find((word) => PROTO_SCOPE[word] === scope);
}

function toProtoKey(key: StoredKey): Omit<MessageInitShape<typeof KeySchema>, "$typeName"> {
  const { keyId, tenant, scopes, title, createdAt, expiresAt, lastUsedAt, revokedAt } = key;
  return {
    ...{ keyId, tenant, title, scopes: scopes.map((scope) => PROTO_SCOPE[scope]) },
    createdAt: timestampFromDate(createdAt),
    ...defined({
      expiresAt: expiresAt && timestampFromDate(expiresAt),
      lastUsedAt: lastUsedAt && timestampFromDate(lastUsedAt),
      revokedAt: revokedAt && timestampFromDate(revokedAt),
    }),
  };
}

function toDate(time: Timestamp | undefined): Date | undefined {
  if (time === undefined) return undefined;
  const date = timestampDate(time);
  if (Number.isNaN(date.getTime()))
    throw invalidRequest([{ field: "expires_at", message: "expires_at must be a time" }]);
  return date;
}
