import { onTestFinished } from "vitest";
import type { RestAnswer } from "./test-app.js";

/** One block of a stream of server-sent events. A block with only a comment has no data. */
export interface ServerEvent {
  readonly id?: string;
  /** @default "message" */
  readonly event: string;
  readonly data?: RestAnswer["body"];
  readonly comment?: string;
}

/** A response that is read while it arrives. */
export interface OpenedStream<T> extends AsyncIterableIterator<T> {
  readonly response: Response;
  /** Returns the next item. Fails if the stream ends instead. */
  take(): Promise<T>;
  /** Returns all items up to the end. */
  rest(): Promise<T[]>;
  /** Disconnects. */
  close(): void;
}

/** Opens a stream of server-sent events. It is closed at the end of the test. */
export async function openEvents(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenedStream<ServerEvent>> {
  return await openStream(url, headers, "\n\n", parseEvent);
}

/** Opens a stream of newline-delimited JSON. It is closed at the end of the test. */
export async function openLines(
  url: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<OpenedStream<RestAnswer["body"]>> {
  return await openStream(url, { accept: "application/x-ndjson", ...headers }, "\n", JSON.parse);
}

async function openStream<T>(
  url: string,
  headers: Readonly<Record<string, string>>,
  separator: string,
  parse: (text: string) => T,
): Promise<OpenedStream<T>> {
  const controller = new AbortController();
  const close = () => controller.abort();
  onTestFinished(close);
  const response = await fetch(url, { headers, signal: controller.signal });
  const items = split(response, separator, parse);
  async function take(): Promise<T> {
    const { done, value } = await items.next();
    if (done) throw new Error("The stream has ended");
    return value;
  }
  async function rest(): Promise<T[]> {
    const all: T[] = [];
    for await (const item of items) all.push(item);
    return all;
  }
  return {
    ...{ response, take, rest, close },
    next: () => items.next(),
    [Symbol.asyncIterator]: () => items,
  };
}

async function* split<T>(
  response: Response,
  separator: string,
  parse: (text: string) => T,
): AsyncGenerator<T, void> {
  let pending = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    const parts = (pending + decoder.decode(chunk, { stream: true })).split(separator);
    pending = parts.pop() ?? "";
    for (const part of parts) yield parse(part);
  }
  if (pending !== "") throw new Error(`The stream ended within ${JSON.stringify(pending)}`);
}

/**
 * https://html.spec.whatwg.org/multipage/server-sent-events.html, only the parts that the service
 * uses.
 */
function parseEvent(block: string): ServerEvent {
  const fields = block.split("\n").map((line) => {
    const [, name = "", value = ""] = /^([^:]*): ?(.*)$/.exec(line) ?? [];
    return [name === "" ? "comment" : name, name === "data" ? JSON.parse(value) : value];
  });
  return { event: "message", ...Object.fromEntries(fields) };
}
