/** What a key allows, from the least; none of them contains another. */
export const SCOPES = ["read", "submit", "operate", "admin"] as const;

/**
 * `read`: look at the tenant's tasks; `submit`: create, cancel and repeat them, and upload; `operate`:
 * look at the pool, and do with the tasks of all tenants what the other scopes allow; `admin`: keys and
 * audit.
 */
export type Scope = (typeof SCOPES)[number];

/** Whose tasks from before there were tenants are, and those of callers without a tenant of their own. */
export const DEFAULT_TENANT = "default";

/** On whose behalf a request is served. */
export interface Caller {
  readonly tenant: string;
  readonly scopes: ReadonlySet<Scope>;
  /** Absent where nobody is asked for a key. */
  readonly keyId?: string;
  /** Aborted with an UNAUTHENTICATED error when the key is revoked or expires. */
  readonly ended?: AbortSignal;
}

/** Who calls where access is not by keys: anybody may do anything. */
export const EVERYBODY: Caller = { tenant: DEFAULT_TENANT, scopes: new Set(SCOPES) };

/** Whether a caller deals with the tasks of all tenants. */
export function seesAll({ scopes }: Caller): boolean {
  return scopes.has("operate");
}
