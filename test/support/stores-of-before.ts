import { cp, readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { BSON, type Document, type IndexDescription, MongoClient } from "mongodb";
import type { TestDatabase } from "./mongo.js";
import { tempDir } from "./temp-dir.js";
import type { RestTask } from "./test-app.js";

/** A folder with a store of an older version. */
export type StoreName = "embedded" | "mongodb";

/**
 * A task in a store that an older version of the service wrote. README.md beside the stores tells
 * more.
 */
export interface TaskOfBefore {
  readonly name: string;
  readonly taskId: string;
  /** What must happen to it. */
  readonly end: "shown" | "waits" | "runs" | "collected" | "cleaned";
  readonly request: Readonly<Record<string, unknown>> & { readonly idempotency_key?: string };
  /** With `shown`: the answer of the REST API. */
  readonly answer?: RestTask;
  /** With `runs` and `collected`: width and height of the result. */
  readonly size?: readonly [number, number];
}

/** The public URL of the results of the older services. */
export const PUBLIC_URL_OF_BEFORE = "https://results.example.com";

const FOLDER = fileURLToPath(new URL("../fixtures/stores/2026-11", import.meta.url));
/**
 * The URL of the ComfyUI server in the MongoDB store. In a test the server listens on a free port.
 */
const SERVER_URL = "http://127.0.0.1:8188";

/** Copies the data directory of an older service for the running test. @returns its path. */
export async function copyDataOfBefore(store: StoreName): Promise<string> {
  const dataDir = join(await tempDir(), "data");
  await cp(join(FOLDER, store, "data"), dataDir, { recursive: true });
  return dataDir;
}

/** @param serverUrl the new URL of the MongoDB store's ComfyUI server; left out: the stored one. */
export async function readTasksOfBefore(
  store: StoreName,
  serverUrl = SERVER_URL,
): Promise<readonly TaskOfBefore[]> {
  const text = await readText(store, "tasks.json");
  return JSON.parse(text.replaceAll(SERVER_URL, serverUrl));
}

/**
 * Restores the dump of a database. Only the URL of its ComfyUI server is changed, to `serverUrl`.
 */
export async function restoreDump(database: TestDatabase, serverUrl: string): Promise<void> {
  await using client = new MongoClient(database.uri);
  const db = client.db(database.name);
  await db.dropDatabase();
  for (const { name, options, indexes } of await readCollections()) {
    const collection = await db.createCollection(name, options);
    const made = indexes.filter((index) => index.name !== "_id_");
    if (made.length > 0) await collection.createIndexes(made);
    const lines = (await readText("mongodb", "dump", `${name}.jsonl`)).trimEnd().split("\n");
    // Numbers keep the types that they had.
    const documents = lines.map((line) =>
      BSON.EJSON.parse(line.replaceAll(SERVER_URL, serverUrl), { relaxed: false }),
    );
    await collection.insertMany(documents, { writeConcern: { w: "majority" } });
  }
}

/** The picture that a task's prompt had left on its server. */
export async function readWrittenBefore(store: StoreName, taskId: string): Promise<Buffer> {
  const folder = join(FOLDER, store, "data", "cpu-server", "output", "tmlsr", taskId);
  const names = await readdir(folder, { recursive: true });
  const [name = ""] = names.filter((one) => one.endsWith(".png"));
  return await readFile(join(folder, name));
}

interface CollectionOfBefore {
  readonly name: string;
  readonly options: Document;
  readonly indexes: IndexDescription[];
}

async function readCollections(): Promise<readonly CollectionOfBefore[]> {
  const text = await readText("mongodb", "dump", "collections.json");
  return BSON.EJSON.parse(text, { relaxed: false }) as readonly CollectionOfBefore[];
}

async function readText(...path: string[]): Promise<string> {
  return await readFile(join(FOLDER, ...path), "utf8");
}
