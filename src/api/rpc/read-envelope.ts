import type { Readable } from "node:stream";
import { Code, ConnectError, type MethodImplSpec } from "@connectrpc/connect";
import type { EnvelopedMessage } from "@connectrpc/connect/protocol";

/** One byte of flags and four with the length of the message. */
const PREFIX_BYTES = 5;

/**
 * Reads the only message of a gRPC request (gRPC's PROTOCOL-HTTP2.md, Length-Prefixed-Message).
 *
 * @throws ConnectError as Connect's own handler does: RESOURCE_EXHAUSTED as soon as the message says that
 *   it is larger than `maxBytes`; UNIMPLEMENTED for none or more than one; INVALID_ARGUMENT for a part of
 *   one; CANCELED when the client goes away.
 */
export function readEnvelope(
  body: Readable,
  maxBytes: number,
  kind: MethodImplSpec["kind"],
): Promise<EnvelopedMessage> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let byteCount = 0;
    let size: number | undefined;
    const take = (chunk: Buffer) => {
      chunks.push(chunk);
      byteCount += chunk.length;
      size ??= byteCount < PREFIX_BYTES ? undefined : joined(chunks).readUInt32BE(1);
      const problem = size === undefined ? undefined : tooMuch(size, byteCount, maxBytes, kind);
      if (problem) fail(problem);
    };
    const fail = (error: ConnectError) => {
      body.off("data", take);
      body.resume();
      reject(error);
    };
    body.on("data", take);
    body.once("end", () => {
      const bytes = joined(chunks);
      const problem = tooLittle(bytes, kind);
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

/** Mostly there is one. */
function joined(chunks: readonly Buffer[]): Buffer {
  const [first] = chunks;
  return chunks.length === 1 && first ? first : Buffer.concat(chunks);
}

function tooMuch(
  size: number,
  byteCount: number,
  maxBytes: number,
  kind: string,
): ConnectError | undefined {
  if (size > maxBytes) {
    const message = `message size ${size} is larger than configured readMaxBytes ${maxBytes}`;
    return new ConnectError(message, Code.ResourceExhausted);
  }
  if (byteCount <= PREFIX_BYTES + size) return undefined;
  const message = `protocol error: received extra input message for ${wordOf(kind)} method`;
  return new ConnectError(message, Code.Unimplemented);
}

function tooLittle(bytes: Buffer, kind: string): ConnectError | undefined {
  if (bytes.length === 0) {
    const message = `protocol error: missing input message for ${wordOf(kind)} method`;
    return new ConnectError(message, Code.Unimplemented);
  }
  if (bytes.length >= PREFIX_BYTES && bytes.length === PREFIX_BYTES + bytes.readUInt32BE(1))
    return undefined;
  return new ConnectError("protocol error: incomplete envelope", Code.InvalidArgument);
}

function wordOf(kind: string): string {
  return kind.replace("_", "-");
}
