import { addSample, minuteOf, type OwnMinute, oldestMinute, toHistory } from "../core/history.js";
import type { HistoryArchive, HistoryMinute, HistorySample } from "../history-archive.js";
import type { EmbeddedDriver } from "./driver.js";

interface MinuteRow {
  readonly document: string;
}

/** The table `history`: a row for each minute and process. */
export class EmbeddedHistory implements HistoryArchive {
  readonly #driver: EmbeddedDriver;
  readonly #clock: () => number;

  constructor(driver: EmbeddedDriver, clock: () => number) {
    this.#driver = driver;
    this.#clock = clock;
  }

  async noteHistory(sample: HistorySample): Promise<void> {
    const nowMs = this.#clock();
    const minuteMs = minuteOf(nowMs);
    this.#driver.transaction(() => {
      const row = this.#driver.get<MinuteRow>(
        "SELECT document FROM history WHERE minute_ms = ? AND owner = ?",
        minuteMs,
        sample.owner,
      );
      const next = addSample(row && toMinute(row), sample, minuteMs);
      const values = [minuteMs, sample.owner, JSON.stringify(next)];
      this.#driver.run(
        "INSERT OR REPLACE INTO history (minute_ms, owner, document) VALUES (?, ?, ?)",
        ...values,
      );
      this.#driver.run("DELETE FROM history WHERE minute_ms < ?", oldestMinute(nowMs));
    });
  }

  async history(): Promise<readonly HistoryMinute[]> {
    const rows = this.#driver.all<MinuteRow>("SELECT document FROM history");
    return toHistory(rows.map(toMinute), this.#clock());
  }

  async now(): Promise<Date> {
    return new Date(this.#clock());
  }
}

function toMinute({ document }: MinuteRow): OwnMinute {
  return JSON.parse(document) as OwnMinute;
}
