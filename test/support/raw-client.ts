import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.js";

/** A TCP connection that a test speaks over byte by byte. */
export interface RawClient {
  readonly socket: Socket;
  /** What came so far. */
  readonly received: () => Buffer;
  /** Waits for a text to come. */
  readonly sees: (text: string) => Promise<unknown>;
  /** Waits for the other side to close; answers all that came. */
  readonly closed: () => Promise<string>;
}

/** Connects; the connection is destroyed when the test has finished. */
export async function rawClient(port: number, host = "127.0.0.1"): Promise<RawClient> {
  const socket = connect({ port, host, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  // That the other side cuts the connection is what tests wait for.
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  return {
    socket,
    received: () => received,
    sees: (text) => eventually(() => received.includes(text)),
    closed: async () => {
      await closed;
      return received.toString();
    },
  };
}
