import Negotiator from "negotiator";
import type { ProblemBody } from "../calls/problem.js";

/** How a stream of messages is written as text. */
export interface StreamFormat {
  readonly contentType: string;
  /** @param id By which a reader can resume after this message; empty: none. */
  message(json: string, id: string): string;
  /** The last thing written when the call failed. */
  error(problem: ProblemBody): string;
  /** Tells the reader that the stream is alive. Empty if the format has no such text. */
  readonly heartbeat: string;
  /** The last text of a stream whose call ended well. */
  readonly end: string;
}

/**
 * Chooses the format by the header Accept: newline-delimited JSON if it is preferred, otherwise
 * server-sent events. So both EventSource and a plain curl get what they need.
 */
export function chooseStreamFormat(accept: string | undefined): StreamFormat {
  const negotiator = new Negotiator({ headers: { accept } });
  return negotiator.mediaType(["text/event-stream", "application/x-ndjson"]) ===
    "application/x-ndjson"
    ? NEWLINE_DELIMITED_JSON
    : SERVER_SENT_EVENTS;
}

/** https://html.spec.whatwg.org/multipage/server-sent-events.html */
const SERVER_SENT_EVENTS: StreamFormat = {
  contentType: "text/event-stream; charset=utf-8",
  // An id with a line break or a NUL is left out, because a reader would misunderstand it.
  message: (json, id) => `${/^[^\r\n\0]+$/.test(id) ? `id: ${id}\n` : ""}${dataLine(json)}`,
  error: (problem) => `event: error\n${dataLine(JSON.stringify(problem))}`,
  heartbeat: ": heartbeat\n\n",
  end: "event: end\ndata: {}\n\n",
};

const NEWLINE_DELIMITED_JSON: StreamFormat = {
  contentType: "application/x-ndjson; charset=utf-8",
  message: (json) => `${json}\n`,
  error: (problem) => `${JSON.stringify(problem)}\n`,
  heartbeat: "",
  end: "",
};

function dataLine(json: string): string {
  return `data: ${json}\n\n`;
}
