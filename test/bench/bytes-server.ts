import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";

/** The other end of every transfer: an origin, a ComfyUI server and an OSS in one, that check nothing. */
export interface BytesServer extends AsyncDisposable {
  readonly url: string;
}

/** Serves any GET with so many bytes, and takes whatever is sent. */
export async function serveBytes(sizeBytes: number): Promise<BytesServer> {
  const server = createServer({ requestTimeout: 0 }, (request, response) => {
    if (request.method === "GET") void send(sizeBytes, response);
    else take(request, response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const BLOCK = Buffer.alloc(1024 * 1024, 7);

async function send(sizeBytes: number, response: ServerResponse): Promise<void> {
  response.writeHead(200, { "content-length": sizeBytes, etag: '"1"' });
  const blocks = Array.from({ length: sizeBytes / BLOCK.length }, () => BLOCK);
  // A client that leaves says itself why.
  await pipeline(Readable.from(blocks, { highWaterMark: 2 }), response).catch(() => undefined);
}

/** An ETag that is no MD5 is compared with nothing, as of a bucket that encrypts; it is computed all the same. */
function take(request: IncomingMessage, response: ServerResponse): void {
  request.resume();
  request.on("end", () => {
    const { url = "", method } = request;
    response.setHeader("etag", '"kept"');
    if (url.startsWith("/upload/image")) response.end('{"name":"input.mp4","subfolder":""}');
    else if (method === "POST" && url.includes("uploads"))
      response.end(
        "<InitiateMultipartUploadResult><UploadId>1</UploadId></InitiateMultipartUploadResult>",
      );
    else if (method === "POST" && url.includes("uploadId"))
      response.end(
        "<CompleteMultipartUploadResult><ETag>kept</ETag></CompleteMultipartUploadResult>",
      );
    else response.end();
  });
}
