/** A process that serves a file, of which its argument is the path. It tells its URL and ends with its parent. */
import { readFile } from "node:fs/promises";
import { serveContent } from "./origin.js";

const { url } = await serveContent(await readFile(process.argv[2] ?? ""));
process.once("disconnect", () => process.exit());
process.send?.(url);
