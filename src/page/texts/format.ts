import type { Timestamp } from "@bufbuild/protobuf/wkt";
import type { Language } from "./texts.js";

const LOCALES: Readonly<Record<Language, string>> = { en: "en-GB", zh: "zh-CN" };
const UNITS = [
  ["day", 86_400],
  ["hour", 3_600],
  ["minute", 60],
  ["second", 1],
] as const;

/** Numbers and times in the words of a language. */
export interface Format {
  /** e.g. "5 minutes ago", "in 10 seconds" */
  relative(timeMs: number, nowMs: number): string;
  /** Date and time of day, to the second. */
  dateTime(timeMs: number): string;
  /** e.g. "13.4 MB" */
  bytes(count: number): string;
  /** At most one decimal. */
  number(value: number): string;
}

/** The format of a language. */
export function formatOf(language: Language): Format {
  const locale = LOCALES[language];
  const relative = new Intl.RelativeTimeFormat(locale, { numeric: "auto", style: "short" });
  const dateTime = new Intl.DateTimeFormat(locale, { dateStyle: "medium", timeStyle: "medium" });
  const number = new Intl.NumberFormat(locale, { maximumFractionDigits: 1 });
  return {
    relative(timeMs, nowMs) {
      const seconds = Math.round((timeMs - nowMs) / 1000);
      const [unit, length] = UNITS.find(([, each]) => Math.abs(seconds) >= each) ?? UNITS[3];
      return relative.format(Math.trunc(seconds / length), unit);
    },
    dateTime: (timeMs) => dateTime.format(timeMs),
    bytes(count) {
      const power = Math.min(4, Math.floor(Math.log(Math.max(1, count)) / Math.log(1024)));
      return `${number.format(count / 1024 ** power)} ${["B", "KB", "MB", "GB", "TB"][power]}`;
    },
    number: (value) => number.format(value),
  };
}

/** A length of time, short: `0.4 s`, `12 s`, `3:05`, `1:02:30`. */
export function duration(seconds: number): string {
  if (seconds < 10) return `${Math.round(seconds * 10) / 10} s`;
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const whole = Math.floor(seconds);
  const two = (value: number): string => String(value % 60).padStart(2, "0");
  const minutes = Math.floor(whole / 60);
  if (minutes < 60) return `${minutes}:${two(whole)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes)}:${two(whole)}`;
}

/** Milliseconds since 1970; 0 for an unset time. */
export function millis(time: Timestamp | undefined): number {
  return time === undefined ? 0 : Number(time.seconds) * 1000 + time.nanos / 1e6;
}
