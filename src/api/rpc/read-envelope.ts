import type { Readable } from "node:stream";
import { Code, ConnectError } from "@connectrpc/connect";
import type { EnvelopedMessage } from "@connectrpc/connect/protocol";

/** One byte of flags and four with the length of the message. */
const PREFIX_BYTES = 5;

/**
 * Reads the one message of a unary gRPC request (gRPC's PROTOCOL-HTTP2.md, Length-Prefixed-Message).
 *
 * @throws ConnectError as Connect's own handler does: RESOURCE_EXHAUSTED as soon as the message says that
 *   it is larger than `maxBytes`; UNIMPLEMENTED for none or more than one; INVALID_ARGUMENT for a part of
 *   one; CANCELED when the client goes away.
 */
export function readEnvelope(body: Readable, maxBytes: number): Promise<EnvelopedMessage> {
  return new Promise((resolve, reject) => {
    let bytes: Buffer = EMPTY;
    const take = (chunk: Buffer) => {
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk]);
      const problem = tooMuch(bytes, maxBytes);
      if (problem) fail(problem);
    };
    const fail = (error: ConnectError) => {
      body.off("data", take);
      body.resume();
      reject(error);
    };
    body.on("data", take);
    body.once("end", () => {
      const problem = tooLittle(bytes);
      if (problem) fail(problem);
      else resolve({ flags: bytes.readUInt8(0), data: bytes.subarray(PREFIX_BYTES) });
    });
    body.once("error", (cause) => fail(ConnectError.from(cause, Code.Aborted)));
    body.once("close", () => {
      // An error is dear to make: not for each call that goes well.
      if (!body.readableEnded) fail(new ConnectError("The client went away", Code.Canceled));
    });
  });
}

const EMPTY = Buffer.alloc(0);

function tooMuch(bytes: Buffer, maxBytes: number): ConnectError | undefined {
  if (bytes.length < PREFIX_BYTES) return undefined;
  const size = bytes.readUInt32BE(1);
  if (size > maxBytes) {
    const message = `message size ${size} is larger than configured readMaxBytes ${maxBytes}`;
    return new ConnectError(message, Code.ResourceExhausted);
  }
  if (bytes.length <= PREFIX_BYTES + size) return undefined;
  const message = "protocol error: received extra input message for unary method";
  return new ConnectError(message, Code.Unimplemented);
}

function tooLittle(bytes: Buffer): ConnectError | undefined {
  if (bytes.length === 0) {
    const message = "protocol error: missing input message for unary method";
    return new ConnectError(message, Code.Unimplemented);
  }
  if (bytes.length >= PREFIX_BYTES && bytes.length === PREFIX_BYTES + bytes.readUInt32BE(1))
    return undefined;
  return new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
}
