/** What a process saw since its last sample; times in milliseconds. */
export interface HistorySample {
  /** The process: several share a store and its servers. */
  readonly owner: string;
  readonly servers: readonly ServerSample[];
  /** How long the task that was due longest had waited. */
  readonly queueAgeMs: number;
  /** How many tasks have ended since the store was made. */
  readonly ended: EndedCounts;
}

/** What a process saw of one server. */
export interface ServerSample {
  readonly address: string;
  /** It ran something for this process. */
  readonly busyMs: number;
  /** It was there. */
  readonly upMs: number;
  readonly faultCount: number;
}

/** Tasks by how they ended. */
export interface EndedCounts {
  readonly completed: number;
  readonly failed: number;
  readonly canceled: number;
}

/** One minute of all processes. */
export interface HistoryMinute {
  /** Its beginning. */
  readonly at: Date;
  /** How many ended in it. */
  readonly ended: EndedCounts;
  /** The longest that a task had waited. */
  readonly queueAgeMs: number;
  readonly servers: readonly ServerMinute[];
}

/** What a server did in one minute. */
export interface ServerMinute {
  readonly address: string;
  readonly busyMs: number;
  /** There without work. */
  readonly idleMs: number;
  readonly faultCount: number;
}

/** How many minutes a history has. */
export const HISTORY_MINUTES = 60;

/** The part of a store that keeps what was in the last hour. */
export interface HistoryArchive {
  /** Adds a sample to the minute that it is by the store's clock. */
  noteHistory(sample: HistorySample): Promise<void>;

  /** The minutes of the last hour of which there is something, the oldest first. */
  history(): Promise<readonly HistoryMinute[]>;

  /** What time it is by the store's clock. */
  now(): Promise<Date>;
}
