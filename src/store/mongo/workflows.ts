import type { Collection } from "mongodb";
import type { Json } from "../../domain/task.js";

/** A workflow's content as JSON text, under its version. */
export interface WorkflowDocument {
  readonly _id: string;
  readonly content: string;
}

/** The content of workflows, kept for good. */
export class MongoWorkflows {
  readonly #collection: Collection<WorkflowDocument>;

  constructor(collection: Collection<WorkflowDocument>) {
    this.#collection = collection;
  }

  async save(version: string, content: Json): Promise<void> {
    const document = { content: JSON.stringify(content) };
    await this.#collection.updateOne(
      { _id: version },
      { $setOnInsert: document },
      { upsert: true },
    );
  }

  async load(version: string): Promise<Json | undefined> {
    const found = await this.#collection.findOne({ _id: version });
    return found ? (JSON.parse(found.content) as Json) : undefined;
  }
}
