import { once } from "node:events";
import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { basename } from "node:path";

/** A web server that serves one file. */
export interface FileOrigin extends AsyncDisposable {
  readonly url: string;
}

/**
 * Serves a file on loopback, so that the service downloads it like any other input. @throws Error
 * if the file does not exist.
 */
export async function serveFile(path: string): Promise<FileOrigin> {
  const { size } = await stat(path);
  const server = createServer((_request, response) => {
    response.writeHead(200, { "content-length": size });
    createReadStream(path).pipe(response);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string")
    throw new Error("No port to serve the file on");
  return {
    url: `http://127.0.0.1:${address.port}/${encodeURIComponent(basename(path))}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}
