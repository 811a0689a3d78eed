import type { Socket } from "node:net";

/** The protocol of a connection. */
export type Protocol = "http1" | "http2";

/** The connection preface, which every HTTP/2 client sends first (RFC 9113, section 3.4). */
const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

/**
 * Reads the first bytes of a connection until they show its protocol, puts them back and calls
 * `onDecided` at most once. A connection that ends, fails or sends too little within `timeoutMs` is
 * destroyed.
 */
export function sniffProtocol(
  socket: Socket,
  timeoutMs: number,
  onDecided: (protocol: Protocol) => void,
): void {
  let head: Buffer = Buffer.alloc(0);
  const timer = setTimeout(giveUp, timeoutMs);
  socket.on("readable", onReadable).on("end", giveUp).on("error", giveUp).on("close", stop);

  function onReadable(): void {
    const chunk: Buffer | null = socket.read();
    if (chunk === null) return;
    head = Buffer.concat([head, chunk]);
    const protocol = protocolOf(head);
    if (protocol === undefined) return;
    stop();
    socket.unshift(head);
    onDecided(protocol);
  }

  function giveUp(): void {
    stop();
    socket.destroy();
  }

  function stop(): void {
    clearTimeout(timer);
    socket.off("readable", onReadable).off("end", giveUp).off("error", giveUp).off("close", stop);
  }
}

/** Undefined while the bytes could still be the beginning of the preface. */
function protocolOf(head: Buffer): Protocol | undefined {
  const length = Math.min(head.length, PREFACE.length);
  if (!head.subarray(0, length).equals(PREFACE.subarray(0, length))) return "http1";
  return length === PREFACE.length ? "http2" : undefined;
}
