import type { Collection, Db } from "mongodb";
import { addSample, minuteOf, type OwnMinute, oldestMinute, toHistory } from "../core/history.js";
import type { HistoryArchive, HistoryMinute, HistorySample } from "../history-archive.js";

/** What one process saw in one minute; the server itself removes the document later. */
export interface MinuteDocument {
  /** Minute and process, as JSON text. */
  readonly _id: string;
  readonly at: Date;
  /** As JSON text: addresses hold dots. */
  readonly minute: string;
}

/** The collection `history`. Each process writes documents of its own. */
export class MongoHistory implements HistoryArchive {
  readonly #collection: Collection<MinuteDocument>;
  readonly #db: Db;

  constructor(collection: Collection<MinuteDocument>, db: Db) {
    this.#collection = collection;
    this.#db = db;
  }

  async noteHistory(sample: HistorySample): Promise<void> {
    const minuteMs = minuteOf((await this.now()).getTime());
    const _id = JSON.stringify([minuteMs, sample.owner]);
    const former = await this.#collection.findOne({ _id });
    const next = addSample(former ? toMinute(former) : undefined, sample, minuteMs);
    const document = { at: new Date(minuteMs), minute: JSON.stringify(next) };
    await this.#collection.replaceOne({ _id }, document, { upsert: true });
  }

  async history(): Promise<readonly HistoryMinute[]> {
    const nowMs = (await this.now()).getTime();
    const from = new Date(oldestMinute(nowMs));
    const found = await this.#collection.find({ at: { $gte: from } }).toArray();
    return toHistory(found.map(toMinute), nowMs);
  }

  async now(): Promise<Date> {
    const { localTime } = await this.#db.command({ hello: 1 });
    return localTime as Date;
  }
}

function toMinute({ minute }: MinuteDocument): OwnMinute {
  return JSON.parse(minute) as OwnMinute;
}

/** As much of a connection as a history needs. */
interface RunsWithHistory {
  run<T>(work: (database: { readonly history: HistoryArchive }) => Promise<T>): Promise<T>;
}

/** The history of a store that may not be reached yet. */
export function historyOf(connection: RunsWithHistory): HistoryArchive {
  return {
    noteHistory: (sample) => connection.run(({ history }) => history.noteHistory(sample)),
    history: () => connection.run(({ history }) => history.history()),
    now: () => connection.run(({ history }) => history.now()),
  };
}
