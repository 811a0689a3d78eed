import { z } from "zod";

/** One ComfyUI server of the configuration. */
export interface ServerSetting {
  /** http(s) URL. May have a path prefix, credentials and a query, for servers behind a gateway. */
  readonly url: string;
  /** Headers that are sent with every request to the server. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * How many prompts the server may hold, including the running one. `auto` means 2 for short
   * workflows.
   */
  readonly queueDepth: "auto" | 1 | 2;
  /**
   * The server's input and output folders, if they are mounted on this machine. Files of ended
   * tasks are then removed from them.
   */
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

/** A URL, a bare `host:port` (written by older files), or an object. */
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

/** Removes the credentials (the part before "@") and the query, which may hold a token. */
function withoutSecrets(value: string): string {
  return value.replace(/[^/]*@/, "").replace(/[?#].*/, "");
}
