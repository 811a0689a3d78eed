import { DEFAULT_TENANT } from "./caller.js";

/** What a tenant may have at once. An absent cap allows any number. */
export interface TenantCaps {
  /** Tasks that run; a film is one of them, however many chunks it has. */
  readonly maxRunningCount?: number;
  /** Tasks that wait. */
  readonly maxPendingCount?: number;
  /** Uploads that have not expired. */
  readonly maxUploadBytes?: number;
}

/** A tenant of the configuration. */
export interface Tenant extends TenantCaps {
  readonly name: string;
}

/** Whose a stored task, or what is left of one, is. */
export function tenantOf({ tenant = DEFAULT_TENANT }: { readonly tenant?: string }): string {
  return tenant;
}

/** The fields by which something is stored as a tenant's: those of `default` carry none. */
export function asTenants(tenant: string): { readonly tenant?: string } {
  return tenant === DEFAULT_TENANT ? {} : { tenant };
}

/** The caps of running tasks by tenant; undefined: there are none. */
export function runningCaps(tenants: readonly Tenant[]): ReadonlyMap<string, number> | undefined {
  const caps = tenants.flatMap(({ name, maxRunningCount: cap }) =>
    cap === undefined ? [] : [[name, cap] as const],
  );
  return caps.length === 0 ? undefined : new Map(caps);
}
