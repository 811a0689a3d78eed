import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { onTestFinished } from "vitest";
import { eventually } from "./eventually.js";

/** A TCP connection on which a test sends and receives single bytes. */
export interface RawClient {
  readonly socket: Socket;
  /** The bytes received so far. */
  readonly received: () => Buffer;
  /** Waits until a text has been received. */
  readonly sees: (text: string) => Promise<unknown>;
  /** Waits until the other side closes, and returns everything received. */
  readonly closed: () => Promise<string>;
}

/** Connects. The connection is destroyed when the test has finished. */
export async function rawClient(port: number, host = "127.0.0.1"): Promise<RawClient> {
  const socket = connect({ port, host, noDelay: true });
  onTestFinished(() => void socket.destroy());
  await once(socket, "connect");
  let received: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    received = Buffer.concat([received, chunk]);
  });
  // Tests wait for the other side to cut the connection, so this is not an error.
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
