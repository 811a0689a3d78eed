import { ACCESS_SETTINGS } from "./access-settings.js";
import { OSS_SETTINGS } from "./oss-settings.js";
import { SERVICE_SETTINGS } from "./service-settings.js";
import type { Setting } from "./setting.js";
import { TENANT_SETTINGS } from "./tenant-setting.js";
import { WEBHOOK_SETTINGS } from "./webhook-settings.js";
import { WORK_SETTINGS } from "./work-settings.js";

/** All settings. No other code reads the environment or the file. */
export const SETTINGS = {
  ...SERVICE_SETTINGS,
  ...ACCESS_SETTINGS,
  ...TENANT_SETTINGS,
  ...WORK_SETTINGS,
  ...OSS_SETTINGS,
  ...WEBHOOK_SETTINGS,
} as const;

/** The value of each setting. */
export type Settings = {
  readonly [K in keyof typeof SETTINGS]: (typeof SETTINGS)[K] extends Setting<infer T> ? T : never;
};

/** The content of a configuration file, and its name for error messages. */
export interface ConfigFile {
  readonly name: string;
  readonly content: unknown;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads every setting: from the environment, otherwise from the file, otherwise the default.
 *
 * @throws Error that lists every bad value and every unknown key, each with its source.
 */
export function readSettings(environment: Environment, file: ConfigFile | undefined): Settings {
  const fileValues = file ? flatten(file) : new Map<string, unknown>();
  const problems = [...unknownEnvironment(environment), ...unknownKeys(fileValues, file)];
  const values = Object.entries(SETTINGS as Record<string, Setting<unknown>>).map(([name, row]) => {
    const found = findValue(row, environment, fileValues, file);
    if (found === undefined) return [name, row.fallback];
    const parsed = row.schema.safeParse(found.value);
    if (parsed.success) return [name, parsed.data];
    problems.push(`${found.source}: ${reason(parsed.error.issues)}${shown(row, found.value)}`);
    return [name, row.fallback];
  });
  if (problems.length > 0)
    throw new Error(`Cannot start, the configuration is wrong:\n  ${problems.join("\n  ")}`);
  return Object.fromEntries(values) as Settings;
}

function findValue(
  row: Setting<unknown>,
  environment: Environment,
  fileValues: ReadonlyMap<string, unknown>,
  file: ConfigFile | undefined,
): { value: unknown; source: string } | undefined {
  const fromEnvironment = row.env === undefined ? undefined : environment[row.env];
  if (fromEnvironment !== undefined && fromEnvironment.trim() !== "")
    return { value: fromEnvironment, source: `environment variable ${row.env}` };
  const fromFile = fileValues.get(row.key);
  if (fromFile === undefined || fromFile === null) return undefined;
  return { value: fromFile, source: `${file?.name}: key "${row.key}"` };
}

/**
 * Flattens the file's two levels to dotted keys. A section that is not a mapping stays as it is,
 * and is later reported as an unknown key.
 */
function flatten(file: ConfigFile): Map<string, unknown> {
  const flat = new Map<string, unknown>();
  for (const [section, content] of Object.entries((file.content ?? {}) as object)) {
    if (typeof content !== "object" || content === null || Array.isArray(content))
      flat.set(section, content);
    else for (const [key, value] of Object.entries(content)) flat.set(`${section}.${key}`, value);
  }
  return flat;
}

function unknownKeys(values: ReadonlyMap<string, unknown>, file: ConfigFile | undefined): string[] {
  const known = new Set(Object.values(SETTINGS).map((row) => row.key));
  return [...values]
    .filter(([key, value]) => !known.has(key) && value !== null)
    .map(([key]) => `${file?.name}: unknown key "${key}"`);
}

/** Names of the environment that are no settings: where the file is, and what the command reads. */
const OTHER_NAMES: ReadonlySet<string> = new Set(["TMLSR_CONFIG", "TMLSR_URL", "TMLSR_KEY"]);

/** Finds misspelt `TMLSR_` variables. Without this check they would be ignored silently. */
function unknownEnvironment(environment: Environment): string[] {
  const known = new Set(
    Object.values(SETTINGS as Record<string, Setting<unknown>>).map((row) => row.env),
  );
  return Object.keys(environment)
    .filter((name) => name.startsWith("TMLSR_") && !OTHER_NAMES.has(name) && !known.has(name))
    .map((name) => `unknown environment variable ${name}`);
}

function shown({ secret, namesValue }: Setting<unknown>, value: unknown): string {
  if (namesValue) return "";
  return `, not ${secret ? "(hidden)" : JSON.stringify(value)}`;
}

function reason(issues: readonly { message: string; path: readonly PropertyKey[] }[]): string {
  return issues
    .map((issue) =>
      issue.path.length > 0 ? `${issue.path.join(".")}: ${issue.message}` : issue.message,
    )
    .join("; ");
}
