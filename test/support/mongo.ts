import { randomUUID } from "node:crypto";
import { MongoClient } from "mongodb";
import { afterAll, describe, inject } from "vitest";
import type { BrokerAnswer } from "./mongo-broker.js";

/** A test's own database on the mongod of this run. Disposing empties it. */
export interface TestDatabase extends AsyncDisposable {
  readonly uri: string;
  readonly name: string;
}

/** The URI of a test's database, for a service. */
export function uriOf({ uri, name }: TestDatabase): string {
  return uri.replace(/^([^/]+\/\/[^/?]+)\/?[^?]*/, `$1/${name}`);
}

/** Describes tests that need a MongoDB to connect to. They are skipped if none is available. */
export async function describeWithMongo(
  name: string,
  body: (take: () => Promise<TestDatabase>) => void,
): Promise<void> {
  const answer = await ask("/uri");
  if ("problem" in answer) return skip(name, answer.problem);
  describe(name, () => {
    const databases = new Databases(answer.value);
    afterAll(() => databases[Symbol.asyncDispose]());
    body(() => databases.take());
  });
}

/**
 * Describes tests that start, stop and kill their own mongod. They are skipped if none is
 * available.
 */
export async function describeWithMongod(
  name: string,
  body: (binary: string) => void,
): Promise<void> {
  const answer = await ask("/binary");
  if ("problem" in answer) return skip(name, answer.problem);
  describe(name, () => body(answer.value));
}

async function ask(path: string): Promise<BrokerAnswer> {
  const response = await fetch(inject("mongoBrokerUrl") + path);
  return (await response.json()) as BrokerAnswer;
}

function skip(name: string, problem: string): void {
  if (process.env["TMLSR_REQUIRE_MONGODB"] === "1") throw new Error(`Cannot test: ${problem}`);
  describe.skip(`${name} (${problem})`);
}

/**
 * The databases of one test file. A returned database is used again, because making its indexes
 * takes long.
 */
class Databases implements AsyncDisposable {
  readonly #uri: string;
  readonly #client: MongoClient;
  readonly #free: string[] = [];
  readonly #all: string[] = [];

  constructor(uri: string) {
    this.#uri = uri;
    this.#client = new MongoClient(uri);
  }

  async take(): Promise<TestDatabase> {
    const name = this.#free.pop() ?? this.#make();
    return {
      uri: this.#uri,
      name,
      [Symbol.asyncDispose]: () => this.#giveBack(name),
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const name of this.#all) await this.#client.db(name).dropDatabase();
    await this.#client.close();
  }

  #make(): string {
    const name = `tmlsr-test-${randomUUID()}`;
    this.#all.push(name);
    return name;
  }

  async #giveBack(name: string): Promise<void> {
    const all = await this.#client.db(name).collections();
    const collections = all.filter((one) => !one.collectionName.startsWith("system."));
    await Promise.all(
      collections.map((one) => one.deleteMany({}, { writeConcern: { w: "majority" } })),
    );
    this.#free.push(name);
  }
}
