import { isIP } from "node:net";
import { z } from "zod";

/** One setting: its names, its valid values, and its text in `docs/configuration.md`. */
export interface Setting<T> {
  /** The environment variable. It wins over the file. */
  readonly env?: string;
  /** The dotted key in the YAML file. */
  readonly key: string;
  readonly schema: z.ZodType<T>;
  /** The default, used when neither the environment nor the file gives a value. */
  readonly fallback: T;
  /** The default as the documentation shows it, if the value alone is not clear. */
  readonly fallbackText?: string;
  readonly text: string;
  /** A secret value is never printed. */
  readonly secret?: boolean;
  /** Whether the schema's own messages name the bad part of a value, without secrets in it. */
  readonly namesValue?: boolean;
}

/** Checks the types of a setting and keeps its exact type. */
export function setting<T>(row: Setting<T>): Setting<T> {
  return row;
}

export const text = z.string().trim().min(1);
export const optionalText = text.optional();
export const number = z.coerce.number("must be a number");
const whole = z.coerce.number("must be a whole number").int("must be a whole number");
export const count = whole.min(0, "must be 0 or more");
export const positive = whole.min(1, "must be 1 or more");
export const seconds = number.min(0, "must be 0 or more");
/** For durations in hours, days or seconds, which may be fractions. */
export const aboveZero = number.positive("must be more than 0");
export const flag = z
  .union([z.boolean(), z.enum(["true", "false", "1", "0"])])
  .transform((value) => value === true || value === "true" || value === "1");
/** A YAML list, or words separated by commas. */
export const list = z
  .union([z.array(text), z.string()])
  .transform((value) =>
    (typeof value === "string" ? value.split(",") : value)
      .map((item) => item.trim())
      .filter((item) => item !== ""),
  );
/** Host names and addresses, as {@link list}. */
export const hosts = list.refine(
  (names) => names.every((name) => isIP(name) > 0 || /^[^\s:/?#@[\]\\]+$/.test(name)),
  "must be host names or addresses, without scheme and port",
);
