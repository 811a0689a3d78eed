import { createHash, randomUUID } from "node:crypto";
import { createReadStream, existsSync, mkdirSync, renameSync } from "node:fs";
import { dirname, join, normalize, parse, resolve } from "node:path";
import { pipeline } from "node:stream/promises";
import type { FastifyInstance } from "fastify";
import { removeFile } from "../../lib/remove-file.js";
import { type Folders, isFolderType } from "../folders.js";
import { PythonError } from "../python-text.js";
import { addRoute, sendTooLarge } from "./http-server.js";
import { type Form, parseForm, TooLarge } from "./multipart-form.js";

/** Adds `POST /upload/image`, which takes files of any kind. */
export function addUploadRoute(
  app: FastifyInstance,
  folders: Folders,
  maxUploadBytes: number,
): void {
  // Uploads are stored one after the other, so that two of them cannot take the same name.
  let line: Promise<unknown> = Promise.resolve();
  addRoute(app, "/upload/image", {
    POST: async (request, reply) => {
      const spool = join(folders.path("temp"), `${randomUUID()}.part`);
      try {
        const form = await parseForm(request.raw, maxUploadBytes, spool);
        const kept = line.then(() => keep(folders, form, spool)).catch(rethrowAsPython);
        line = kept.catch(() => undefined);
        const answer = await kept;
        return await (answer === undefined ? reply.code(400).send() : reply.send(answer));
      } catch (error) {
        if (!(error instanceof TooLarge)) throw error;
        return await sendTooLarge(reply, maxUploadBytes, error.actualBytes);
      } finally {
        await removeFile(spool);
      }
    },
  });
}

/** @returns undefined if ComfyUI would answer 400. */
async function keep(folders: Folders, { fields, fileName }: Form, spool: string) {
  const type = fields.get("type") ?? "input";
  if (!isFolderType(type)) throw new PythonError("UnboundLocalError", "type_dir");
  if (fileName === undefined) {
    if (!fields.get("image")) return undefined;
    throw new PythonError("AttributeError", "'str' object has no attribute 'file'");
  }
  const subfolder = fields.get("subfolder") ?? "";
  const dir = resolve(folders.path(type), normalize(subfolder));
  if (folders.resolve(type, dir, fileName) === undefined) return undefined;
  // At once: a trip to another thread takes longer.
  mkdirSync(dir, { recursive: true });
  const isOverwriting = ["true", "1"].includes(fields.get("overwrite") ?? "");
  const name = isOverwriting ? fileName : await freeName(dir, fileName, spool);
  const path = join(dir, name);
  // A name with a folder is accepted only if that folder exists.
  if (!existsSync(dirname(path))) throw new PythonError("FileNotFoundError", path);
  renameSync(spool, path);
  return { name, subfolder, type };
}

/**
 * If the file system refuses a write, e.g. because the name is too long, the client is to blame.
 */
function rethrowAsPython(error: Error): never {
  if (!("syscall" in error)) throw error;
  throw new PythonError("OSError", error.message, { cause: error });
}

/**
 * Tries `name`, `name (1)`, ... and returns the first that is free or already has the same content.
 */
async function freeName(dir: string, fileName: string, spool: string): Promise<string> {
  const digest = await hashFile(spool);
  const { dir: folder, name, ext } = parse(fileName);
  for (let index = 0; ; index += 1) {
    const candidate = index === 0 ? fileName : join(folder, `${name} (${index})${ext}`);
    const path = join(dir, candidate);
    if (!existsSync(path) || (await hashFile(path)) === digest) return candidate;
  }
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  await pipeline(createReadStream(path), hash);
  return hash.digest("hex");
}
