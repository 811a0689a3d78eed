import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import sharp from "sharp";

/** A web server that inputs come from. */
export interface Origin extends AsyncDisposable {
  readonly url: string;
}

/** Serves one file under any path. @param delayMs before each answer. */
export async function serveContent(content: Buffer, delayMs = 0): Promise<Origin> {
  const server = createServer((_request, response) => {
    const answer = (): void => {
      response.writeHead(200, { "content-length": content.length });
      response.end(content);
    };
    if (delayMs > 0) setTimeout(answer, delayMs);
    else answer();
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/picture.png`,
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** A small PNG, each time the same. */
export async function smallPicture(width = 32, height = 24): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = (index * 37) % 256;
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** A square PNG that does not compress, each time the same: three bytes a pixel. */
export async function noisyPicture(edge: number): Promise<Buffer> {
  const pixels = Buffer.alloc(edge * edge * 3);
  let state = 1;
  for (let index = 0; index < pixels.length; index += 1) {
    // Numerical Recipes' generator.
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    pixels[index] = state >>> 24;
  }
  const raw = { width: edge, height: edge, channels: 3 } as const;
  return await sharp(pixels, { raw }).png().toBuffer();
}
