import sharp from "sharp";
import { startOrigin } from "./http-origin.js";

/** A small PNG, the same at each call. */
export async function aPicture(width = 32, height = 24): Promise<Buffer> {
  const pixels = Buffer.alloc(width * height * 3);
  for (let index = 0; index < pixels.length; index += 1) pixels[index] = (index * 37) % 256;
  return await sharp(pixels, { raw: { width, height, channels: 3 } })
    .png()
    .toBuffer();
}

/** Serves one file under any path until the test has finished. @returns the URL to submit. */
export async function serve(content: Buffer, name = "picture.png"): Promise<string> {
  const origin = await startOrigin((_request, response) => {
    response.writeHead(200, { "content-length": content.length });
    response.end(content);
  });
  return `${origin.url}/${name}`;
}
