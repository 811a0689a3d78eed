import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { MongoClient } from "mongodb";
import { eventually } from "./eventually.js";
import { freePort } from "./free-port.js";

/** Options of a test's mongod. */
export interface MongodOptions {
  /** The number of members of its replica set. 0: a standalone server. @default 1 */
  readonly memberCount?: number;
  /** How long the other members wait for a sign of life of the primary. @default 10000 */
  readonly electionMs?: number;
}

/** A real database of one or more mongod processes. Disposing deletes its data. */
export class TestMongod implements AsyncDisposable {
  readonly members: readonly Member[];
  readonly #directory: string;

  private constructor(directory: string, members: readonly Member[]) {
    this.#directory = directory;
    this.members = members;
  }

  /** Starts the processes and waits for a primary. */
  static async start(binary: string, options: MongodOptions = {}): Promise<TestMongod> {
    const { memberCount = 1, electionMs = 10_000 } = options;
    const directory = await mkdtemp(join(tmpdir(), "tmlsr-mongod-"));
    const isSet = memberCount > 0;
    const members = await Promise.all(
      Array.from({ length: Math.max(1, memberCount) }, async (_, index) => {
        const dataPath = join(directory, String(index));
        await mkdir(dataPath);
        return new Member(binary, dataPath, await freePort(), isSet);
      }),
    );
    const mongod = new TestMongod(directory, members);
    try {
      await Promise.all(members.map((member) => member.start()));
      if (isSet) await initiate(members, electionMs);
    } catch (error) {
      await mongod[Symbol.asyncDispose]();
      throw error;
    }
    return mongod;
  }

  get uri(): string {
    const hosts = this.members.map(({ address }) => address).join(",");
    return `mongodb://${hosts}/${this.members[0]?.isOfSet ? `?replicaSet=${SET}` : ""}`;
  }

  /** The member that takes writes now. */
  async primary(): Promise<Member> {
    return await eventually(
      async () => {
        for (const member of this.members) if (await member.isPrimary()) return member;
        return false;
      },
      { limitMs: START_LIMIT_MS, intervalMs: 100 },
    );
  }

  /** Makes the primary step down. An election follows. */
  async stepDown(seconds = 2): Promise<void> {
    const primary = await this.primary();
    await primary.admin((client) =>
      client
        .db("admin")
        .command({ replSetStepDown: seconds, secondaryCatchUpPeriodSecs: 1, force: true }),
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()));
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** One mongod process. */
export class Member {
  readonly address: string;
  readonly isOfSet: boolean;
  readonly #binary: string;
  readonly #dataPath: string;
  readonly #port: number;
  #child: ChildProcess | undefined;

  constructor(binary: string, dataPath: string, port: number, isOfSet: boolean) {
    this.address = `127.0.0.1:${port}`;
    this.isOfSet = isOfSet;
    this.#binary = binary;
    this.#dataPath = dataPath;
    this.#port = port;
  }

  /** Starts it and waits until it answers. After a kill it has the same data. */
  async start(): Promise<void> {
    const logPath = join(this.#dataPath, "mongod.log");
    const child = spawn(
      this.#binary,
      [
        ...["--dbpath", this.#dataPath, "--logpath", logPath, "--logappend", "--quiet"],
        ...["--port", String(this.#port), "--bind_ip", "127.0.0.1", "--nounixsocket"],
        ...["--wiredTigerCacheSizeGB", "0.5"],
        ...["--setParameter", "diagnosticDataCollectionEnabled=false"],
        ...["--setParameter", "ttlMonitorSleepSecs=1", "--setParameter", "enableTestCommands=1"],
        ...(this.isOfSet ? ["--replSet", SET] : []),
      ],
      { stdio: "ignore" },
    );
    this.#child = child;
    const ended = once(child, "exit").then(async () => {
      throw new Error(`mongod ended: ${(await readFile(logPath, "utf8")).slice(-2000)}`);
    });
    ended.catch(() => undefined);
    const answers = () => this.admin((client) => client.db("admin").command({ ping: 1 }));
    await Promise.race([eventually(answers, { limitMs: START_LIMIT_MS, intervalMs: 100 }), ended]);
  }

  /** Makes the server fail this number of the service's commands. */
  async failCommands(commands: readonly string[], times: number, how: object): Promise<void> {
    const data = { failCommands: commands, appName: "tmlsr", ...how };
    await this.admin((client) =>
      client.db("admin").command({ configureFailPoint: "failCommand", mode: { times }, data }),
    );
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Sends a signal and waits for the process to end. */
  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }

  async isPrimary(): Promise<boolean> {
    try {
      const hello = await this.admin((client) => client.db("admin").command({ hello: 1 }));
      return hello["isWritablePrimary"] === true;
    } catch {
      return false;
    }
  }

  /** Connects to this member alone. */
  async admin<T>(work: (client: MongoClient) => Promise<T>): Promise<T> {
    await using client = new MongoClient(`mongodb://${this.address}/?directConnection=true`, {
      serverSelectionTimeoutMS: 2_000,
    });
    return await work(client);
  }
}

const SET = "test";
const START_LIMIT_MS = 180_000;

async function initiate(members: readonly Member[], electionMs: number): Promise<void> {
  const config = {
    _id: SET,
    members: members.map(({ address }, _id) => ({ _id, host: address })),
    settings: { electionTimeoutMillis: electionMs },
  };
  await members[0]?.admin((client) => client.db("admin").command({ replSetInitiate: config }));
  await eventually(
    async () => {
      for (const member of members) if (await member.isPrimary()) return true;
      return false;
    },
    { limitMs: START_LIMIT_MS, intervalMs: 100 },
  );
}
