import type { Logger } from "../../lib/logger.js";
import type { TaskStore } from "../task-store.js";
import { MongoChanges } from "./changes.js";
import { MongoConnection } from "./connection.js";
import { MongoTaskStore } from "./mongo-task-store.js";

/** Where a MongoDB store is, and what it needs from its surroundings. */
export interface MongoStoreOptions {
  /** MongoDB 5.0 or later: a replica set, also one of a single member, or for trials a standalone server. */
  readonly uri: string;
  /** @default the one the URI names, else `tmlsr` */
  readonly database?: string;
  /** How long a call waits for a primary, as during an election, in milliseconds. @default 5000 */
  readonly selectionMs?: number;
  /** How long a call waits in all, in milliseconds. @default 10000 */
  readonly callMs?: number;
  /** Milliseconds between two looks for others' changes, on a standalone server. @default 500 */
  readonly pollMs?: number;
  readonly logger?: Logger;
}

/**
 * Opens the store in a MongoDB database, which any number of processes may share. When the database
 * cannot be reached, the store opens all the same: every call throws STORE_UNAVAILABLE until it
 * can.
 *
 * @throws TaskError STORE_UNAVAILABLE when the server refuses us or a newer version of the
 *   service uses the database; Error for a malformed URI.
 */
export async function openMongoStore(options: MongoStoreOptions): Promise<TaskStore> {
  const { uri, database = databaseIn(uri), pollMs = 500 } = options;
  const { selectionMs = 5_000, callMs = 10_000 } = options;
  const logger = options.logger?.child({ part: "store" });
  const changes = new MongoChanges({ pollMs, logger });
  const connection = await MongoConnection.open({
    ...{ uri, database, selectionMs, callMs, logger },
    onReady: (opened) => changes.start(opened),
  });
  return new MongoTaskStore(connection, changes);
}

/** `mongodb://user:password@host1,host2/NAME?options` */
function databaseIn(uri: string): string {
  const name = /^[^/]+\/\/[^/]+\/([^?]+)/.exec(uri)?.[1];
  return name === undefined ? "tmlsr" : decodeURIComponent(name);
}
