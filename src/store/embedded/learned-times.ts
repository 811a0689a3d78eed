import type { LearnedTime } from "../../domain/learned-time.js";
import { MAX_LEARNED_TIMES } from "../time-archive.js";
import type { EmbeddedDriver } from "./driver.js";

interface TimeRow {
  readonly series: string;
  readonly size_log2: number;
  readonly longest_ms: number | null;
  readonly average_ms: number | null;
  readonly frame_pixels: number | null;
}

/** The table `learned_times`. */
export class EmbeddedLearnedTimes {
  readonly #driver: EmbeddedDriver;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
  }

  load(): readonly LearnedTime[] {
    return this.#driver.all<TimeRow>(SELECT).map(toTime);
  }

  save(times: readonly LearnedTime[], nowMs: number): void {
    this.#driver.transaction(() => {
      for (const { series, sizeLog2, longestMs, average } of times) {
        const values = [longestMs ?? null, average?.ms ?? null, average?.framePixels ?? null];
        this.#driver.run(MERGE, series, sizeLog2, ...values, nowMs);
      }
      this.#driver.run(DROP_OLDEST, MAX_LEARNED_TIMES);
    });
  }
}

const SELECT = "SELECT series, size_log2, longest_ms, average_ms, frame_pixels FROM learned_times";

const MERGE = `
INSERT INTO learned_times (series, size_log2, longest_ms, average_ms, frame_pixels, saved_at)
  VALUES (?, ?, ?, ?, ?, ?)
  ON CONFLICT (series, size_log2) DO UPDATE SET
    longest_ms = max(coalesce(longest_ms, excluded.longest_ms), coalesce(excluded.longest_ms, longest_ms)),
    average_ms = coalesce(excluded.average_ms, average_ms),
    frame_pixels = coalesce(excluded.frame_pixels, frame_pixels),
    saved_at = excluded.saved_at
`;

const DROP_OLDEST = `
DELETE FROM learned_times WHERE rowid IN (
  SELECT rowid FROM learned_times ORDER BY saved_at DESC, rowid DESC LIMIT -1 OFFSET ?
)
`;

function toTime(row: TimeRow): LearnedTime {
  const { series, size_log2, longest_ms, average_ms, frame_pixels } = row;
  return {
    series,
    sizeLog2: size_log2,
    ...(longest_ms !== null && { longestMs: longest_ms }),
    ...(average_ms !== null &&
      frame_pixels !== null && { average: { ms: average_ms, framePixels: frame_pixels } }),
  };
}
