import { z } from "zod";

/** One ComfyUI server as configured. */
export interface ServerSetting {
  /** http(s) URL; may carry a path prefix, credentials and a query for a gateway. */
  readonly url: string;
  /** Sent with every request to it. */
  readonly headers: Readonly<Record<string, string>>;
  /** How many prompts it may hold, the running one included; auto: 2 for short workflows. */
  readonly queueDepth: "auto" | 1 | 2;
  /** Its input and output folders, where they are mounted here: files of ended tasks are removed. */
  readonly folders?: { readonly input: string; readonly output: string } | undefined;
}

const url = z.string().transform((value, context) => {
  const full = /^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`;
  if (/^https?:\/\/[^/?#]/i.test(full) && isUsable(full)) return full;
  context.addIssue(`"${withoutSecrets(value)}" must be an http or https URL, or host:port`);
  return z.NEVER;
});

const full = z
  .strictObject({
    url,
    headers: z.record(z.string(), z.string()).default({}),
    folders: z.strictObject({ input: z.string(), output: z.string() }).optional(),
    queue_depth: z.union([z.literal("auto"), z.literal(1), z.literal(2)]).default("auto"),
  })
  .transform(({ queue_depth, ...rest }) => ({ ...rest, queueDepth: queue_depth }));

/** A URL, a bare `host:port` as older files have it, or an object. */
export const serverSchema: z.ZodType<ServerSetting> = z.preprocess(
  (value) => (typeof value === "string" ? { url: value } : value),
  full,
);

/** A YAML list of servers, or URLs separated by commas. */
export const serversSchema: z.ZodType<readonly ServerSetting[]> = z.preprocess(
  (value) =>
    typeof value === "string"
      ? value
          .split(",")
          .map((item) => item.trim())
          .filter((item) => item !== "")
      : value,
  z.array(serverSchema),
);

function isUsable(full: string): boolean {
  try {
    const { username, password } = new URL(full);
    decodeURIComponent(username + password);
    return true;
  } catch {
    return false;
  }
}

/** Credentials stand before an "@", tokens in the query. */
function withoutSecrets(value: string): string {
  return value.replace(/[^/]*@/, "").replace(/[?#].*/, "");
}
