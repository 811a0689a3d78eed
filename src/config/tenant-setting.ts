import { z } from "zod";
import { count, positive, setting } from "./setting.js";

/** Where everything belongs that was there before there were tenants. */
const DEFAULT_NAME = "default";

const tenant = z
  .strictObject({
    // It is a part of names in the store.
    name: z.string().regex(/^[a-z0-9][a-z0-9_-]{0,62}$/, {
      error: "must be 1 to 63 of a-z, 0-9, _ and -, the first a letter or digit",
    }),
    running: positive.optional(),
    pending: count.optional(),
    upload_bytes: count.optional(),
  })
  .transform(({ name, running, pending, upload_bytes: maxUploadBytes }) => ({
    name,
    ...(running !== undefined && { maxRunningCount: running }),
    ...(pending !== undefined && { maxPendingCount: pending }),
    ...(maxUploadBytes !== undefined && { maxUploadBytes }),
  }));

/** A tenant of the configuration; an absent cap allows any number. */
export type TenantSetting = z.infer<typeof tenant>;

const tenants = z
  .array(tenant)
  .refine(
    (all) => new Set(all.map(({ name }) => name)).size === all.length,
    "must not name a tenant twice",
  );

/** The setting of tenants. */
export const TENANT_SETTINGS = {
  tenants: setting<readonly TenantSetting[]>({
    key: "tenants",
    schema: tenants,
    fallback: [],
    fallbackText: "`default`, without caps",
    text: "A list of those that share the service, each with the tasks of its own keys (`TMLSR_AUTH`): objects with `name` and, where capped, `running` and `pending` (tasks) and `upload_bytes` (of uploads that have not expired). `default` is always there, and may be listed for its caps.",
    namesValue: true,
  }),
} as const;

/** The tenants with `default`, whether it is listed or not. */
export function toTenants(listed: readonly TenantSetting[]): readonly TenantSetting[] {
  const isListed = listed.some(({ name }) => name === DEFAULT_NAME);
  return isListed ? listed : [{ name: DEFAULT_NAME }, ...listed];
}
