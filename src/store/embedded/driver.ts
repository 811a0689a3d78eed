import { randomUUID } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import sqlite, { type Database, type Statement } from "node-sqlite3-wasm";
import { TaskError } from "../../domain/errors.js";
import { isDiskFull } from "../../lib/is-disk-full.js";

export type SqlValue = string | number | null;

/**
 * One SQLite file, used by this process alone. Every call is synchronous; a write is on disk
 * (fsync) when it returns. Statements are prepared once and kept by their text.
 *
 * A fault of the file is thrown as a TaskError: DISK_FULL, or STORE_UNAVAILABLE for a file that
 * cannot be opened, read or written. A broken constraint or faulty SQL is a plain Error.
 */
export class EmbeddedDriver implements Disposable {
  readonly #path: string;
  readonly #database: Database;
  readonly #statements = new Map<string, Statement>();

  private constructor(path: string, database: Database) {
    this.#path = path;
    this.#database = database;
  }

  /** Opens or creates the file. The caller must hold a lock that keeps other processes out. */
  static open(path: string): EmbeddedDriver {
    // The library locks with a directory that outlives a killed process.
    rmSync(`${path}.lock`, { recursive: true, force: true });
    const driver = new EmbeddedDriver(path, openDatabase(path));
    try {
      driver.#configure();
      return driver;
    } catch (error) {
      driver[Symbol.dispose]();
      throw error;
    }
  }

  /** Whether what is read now may still be undone. */
  get inTransaction(): boolean {
    return this.#database.inTransaction;
  }

  /** All rows of a query, or of a write with RETURNING. */
  all<Row>(sql: string, ...values: readonly SqlValue[]): Row[] {
    return this.#use(sql, values, (statement, bound) => statement.all(bound) as Row[]);
  }

  /**
   * The first row of a query. The statement runs to its end all the same: a write with RETURNING
   * that stops half-way is not committed.
   */
  get<Row>(sql: string, ...values: readonly SqlValue[]): Row | undefined {
    return this.all<Row>(sql, ...values)[0];
  }

  /** Runs a write. @returns how many rows it changed. */
  run(sql: string, ...values: readonly SqlValue[]): number {
    return this.#use(sql, values, (statement, bound) => statement.run(bound).changes);
  }

  /** Runs several statements without values. */
  exec(sql: string): void {
    this.#translate(() => this.#database.exec(sql));
  }

  /**
   * Runs `work` in a transaction: all of its writes are kept, or none if it throws. Never nested.
   */
  transaction<T>(work: () => T): T {
    this.run("BEGIN IMMEDIATE");
    try {
      const result = work();
      this.run("COMMIT");
      return result;
    } catch (error) {
      // SQLite rolls back by itself when the disk is full; a second rollback would hide the cause.
      if (this.#database.inTransaction) this.run("ROLLBACK");
      throw error;
    }
  }

  /**
   * Runs `work` within a transaction. If it throws, its own writes are undone and the transaction goes
   * on.
   *
   * @throws the error of `work` if the whole transaction is lost with it, as when the disk is full.
   */
  undoable<T>(work: () => T): { readonly result: T } | { readonly error: unknown } {
    this.run("SAVEPOINT one");
    try {
      const result = work();
      this.run("RELEASE one");
      return { result };
    } catch (error) {
      if (!this.#database.inTransaction) throw error;
      this.run("ROLLBACK TO one");
      this.run("RELEASE one");
      return { error };
    }
  }

  /** Closes the file. Later calls throw STORE_UNAVAILABLE. */
  [Symbol.dispose](): void {
    if (!this.#database.isOpen) return;
    // While a statement is left, closing silently leaves the file open.
    for (const sql of [...this.#statements.keys()]) this.#forget(sql);
    this.#translate(() => this.#database.close());
  }

  #configure(): void {
    // Without shared memory, a write-ahead log needs the exclusive mode, and needs it first.
    this.exec("PRAGMA locking_mode = EXCLUSIVE");
    const mode = this.get<{ journal_mode: string }>("PRAGMA journal_mode = WAL");
    if (mode?.journal_mode !== "wal") {
      throw unavailable(`Cannot open "${this.#path}": no write-ahead log`);
    }
    this.exec(
      "PRAGMA synchronous = FULL; PRAGMA cache_size = -32000; PRAGMA temp_store = MEMORY; PRAGMA journal_size_limit = 67108864",
    );
  }

  #use<T>(
    sql: string,
    values: readonly SqlValue[],
    use: (statement: Statement, bound: SqlValue[]) => T,
  ): T {
    for (const value of values) refuseLossyText(value);
    return this.#translate(() => {
      const statement = this.#statements.get(sql) ?? this.#prepare(sql);
      try {
        return use(statement, [...values]);
      } catch (error) {
        // A prepared statement that failed once would fail for ever: the next call prepares it
        // anew.
        this.#forget(sql);
        throw error;
      }
    });
  }

  #prepare(sql: string): Statement {
    const statement = this.#database.prepare(sql);
    this.#statements.set(sql, statement);
    return statement;
  }

  #forget(sql: string): void {
    const statement = this.#statements.get(sql);
    this.#statements.delete(sql);
    try {
      statement?.finalize();
    } catch {
      // Finalizing repeats the error of the statement's last use; it is finalized nevertheless.
    }
  }

  #translate<T>(call: () => T): T {
    if (!this.#database.isOpen) {
      throw unavailable("Cannot use the store: it is closed");
    }
    try {
      return call();
    } catch (error) {
      throw error instanceof sqlite.SQLite3Error ? this.#toKnownError(error) : error;
    }
  }

  #toKnownError(error: Error): Error {
    const { message } = error;
    const isIoError = message.startsWith("disk I/O error");
    // The library reports every failed write alike, so the disk is asked.
    if (message.startsWith("database or disk is full") || (isIoError && hasNoRoom(this.#path))) {
      return new TaskError("DISK_FULL", `Cannot write "${this.#path}": the disk is full`, {
        cause: error,
      });
    }
    const isFileFault = isIoError || FILE_FAULTS.some((fault) => message.startsWith(fault));
    return isFileFault ? unavailable(`Cannot use "${this.#path}": ${message}`, error) : error;
  }
}

/** Texts of the SQLite errors that are faults of the file, not of the statement. */
const FILE_FAULTS = [
  "unable to open database file",
  "database is locked",
  "database disk image is malformed",
  "file is not a database",
  "attempt to write a readonly database",
];

/** More than a transaction of ours ever writes. */
const PROBE_BYTES = 1024 * 1024;

function openDatabase(path: string): Database {
  try {
    return new sqlite.Database(path);
  } catch (error) {
    throw unavailable(`Cannot open "${path}"`, error);
  }
}

function unavailable(message: string, cause?: unknown): TaskError {
  return new TaskError("STORE_UNAVAILABLE", message, { cause });
}

/** Refuses what the library would change: it cuts texts at a NUL and drops a byte order mark. */
function refuseLossyText(value: SqlValue): void {
  if (typeof value !== "string") return;
  if (value.includes("\0") || value.startsWith("\uFEFF")) {
    throw new Error("Cannot store a text with a NUL character or a byte order mark");
  }
}

/**
 * Whether the disk is full. Found out by writing: the number of free blocks does not show quotas.
 */
function hasNoRoom(path: string): boolean {
  const probePath = join(dirname(path), `.room-${randomUUID()}`);
  try {
    writeFileSync(probePath, Buffer.alloc(PROBE_BYTES));
    return false;
  } catch (error) {
    return isDiskFull(error);
  } finally {
    rmSync(probePath, { force: true });
  }
}
