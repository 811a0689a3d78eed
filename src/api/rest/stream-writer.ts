import type { ServerResponse } from "node:http";

/** The parts of a response that a {@link StreamWriter} needs, over HTTP/1.1 and HTTP/2. */
export type StreamResponse = Pick<ServerResponse, "write" | "end" | "destroy" | "once" | "off">;

/**
 * Writes the text of a stream as fast as its reader takes it. A reader that takes nothing for
 * `stalledReaderMs` is cut off. After the connection has closed, writes do nothing.
 */
export class StreamWriter {
  readonly #response: StreamResponse;
  readonly #stalledReaderMs: number;
  #isOpen = true;
  #isBlocked = false;

  constructor(response: StreamResponse, stalledReaderMs: number) {
    this.#response = response;
    this.#stalledReaderMs = stalledReaderMs;
    response.once("close", () => {
      this.#isOpen = false;
    });
  }

  /** Resolves when there is room for more text, or when the connection is closed. */
  async write(text: string): Promise<void> {
    if (!this.#isOpen || text === "" || this.#response.write(text)) return;
    this.#isBlocked = true;
    await this.#drained();
    this.#isBlocked = false;
  }

  /** Writes `text`, unless earlier text still waits for the reader. */
  async writeIfIdle(text: string): Promise<void> {
    if (!this.#isBlocked) await this.write(text);
  }

  /** Ends the stream after the text written so far. */
  end(): void {
    if (this.#isOpen) this.#response.end();
  }

  #drained(): Promise<void> {
    const response = this.#response;
    return new Promise((resolve) => {
      const limit = setTimeout(() => response.destroy(), this.#stalledReaderMs);
      const onDone = () => {
        clearTimeout(limit);
        response.off("drain", onDone);
        response.off("close", onDone);
        resolve();
      };
      response.once("drain", onDone);
      response.once("close", onDone);
    });
  }
}
