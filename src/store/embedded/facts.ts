import type { Json } from "../../domain/task.js";
import type { EmbeddedDriver } from "./driver.js";

/** What the file holds besides tasks: the store's id and the content of workflows. */
export class EmbeddedFacts {
  readonly storeId: string;
  readonly #driver: EmbeddedDriver;

  constructor(driver: EmbeddedDriver) {
    this.#driver = driver;
    const row = driver.get<{ value: string }>("SELECT value FROM facts WHERE name = 'store_id'");
    if (!row) throw new Error("The store has no id");
    this.storeId = row.value;
  }

  saveWorkflow(version: string, content: Json): void {
    this.#driver.run(
      "INSERT OR IGNORE INTO workflows (version, content) VALUES (?, ?)",
      version,
      JSON.stringify(content),
    );
  }

  loadWorkflow(version: string): Json | undefined {
    const row = this.#driver.get<{ content: string }>(
      "SELECT content FROM workflows WHERE version = ?",
      version,
    );
    return row && (JSON.parse(row.content) as Json);
  }
}
