import { writeFile } from "node:fs/promises";
import { basename, dirname, extname } from "node:path";
import { parseArgs } from "node:util";
import { ComfyHttp } from "../comfy/comfy-http.js";
import { DEFAULT_LIMITS } from "../comfy/server-limits.js";
import { ServerUrl } from "../comfy/server-url.js";
import { TaskError } from "../domain/errors.js";
import { CatalogEntry } from "./catalog/catalog-entry.js";
import { missingFor } from "./check/missing-for.js";
import { describeRun, describeWorkflow } from "./describe-workflow.js";
import { CHUNK_CLASSES } from "./film-frames.js";
import type { NodeClasses } from "./node-info.js";
import { readWorkflowFile } from "./read/read-workflow-file.js";
import { serverClasses } from "./server-classes.js";

const USAGE = `Usage:
  npm run workflow:check -- FILE [--server URL]
      Prints what is understood of a workflow file; with a server, also whether it can run it.
  npm run workflow:convert -- FILE --server URL [--output FILE]
      Writes the API format of a file as the editor saves it.`;

void main(process.argv.slice(2)).then((exitCode) => {
  process.exitCode = exitCode;
});

/** @returns the exit code: 0 for a workflow that can be used, 1 for one that cannot, 2 for a bad call */
async function main(args: readonly string[]): Promise<number> {
  try {
    const { values, positionals } = parseArgs({
      args: [...args],
      allowPositionals: true,
      options: { server: { type: "string" }, output: { type: "string" } },
    });
    const [command, file, ...rest] = positionals;
    if (file === undefined || rest.length > 0) return usage();
    if (command === "check") return await check(file, values.server);
    if (command !== "convert" || values.server === undefined) return usage();
    return await convert(file, values.server, values.output);
  } catch (error) {
    if (error instanceof TaskError) {
      console.error(error.message);
      return 1;
    }
    if (!(error instanceof TypeError && "code" in error)) throw error;
    console.error(error.message);
    return usage();
  }
}

function usage(): number {
  console.error(USAGE);
  return 2;
}

async function check(file: string, server: string | undefined): Promise<number> {
  const entry = await openFile(file);
  if (server === undefined) {
    if (entry.workflow === undefined) {
      console.log("In the editor's format; give a server to convert it by. It may need:");
      console.log((entry.graphClasses ?? []).map((name) => `  ${name}`).join("\n"));
      return 0;
    }
    console.log(describeWorkflow(entry.workflow).join("\n"));
    return 0;
  }
  const classes = await classesOf(entry, server);
  const workflow = entry.convert(classes);
  console.log(describeWorkflow(workflow).join("\n"));
  for (const node of entry.leftOut) console.log(`  left out    node ${node}`);
  const missing = missingFor(workflow, { classes });
  for (const problem of missing) console.log(`  missing     ${problem}`);
  for (const line of describeRun(workflow, { classes })) console.log(line);
  console.log(missing.length === 0 ? "The server can run it" : "The server cannot run it");
  return missing.length === 0 ? 0 : 1;
}

async function convert(file: string, server: string, output: string | undefined): Promise<number> {
  const entry = await openFile(file);
  const { prompt } = entry.convert(await classesOf(entry, server));
  for (const node of entry.leftOut) console.error(`Left out: node ${node}`);
  const text = `${JSON.stringify(prompt, null, 2)}\n`;
  if (output === undefined) console.log(text.trimEnd());
  else await writeOutput(output, text);
  return 0;
}

async function writeOutput(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text);
  } catch (error) {
    throw unwritable(file, error);
  }
}

function unwritable(file: string, cause: unknown): TaskError {
  const { code } = cause as NodeJS.ErrnoException;
  return new TaskError("WORKFLOW_INVALID", `Cannot write "${file}": ${code}`, { cause });
}

async function openFile(file: string): Promise<CatalogEntry> {
  if (!["", ".json"].includes(extname(file)))
    throw new TaskError("WORKFLOW_INVALID", `Cannot read "${file}": its name must end in ".json"`);
  const name = basename(file, ".json");
  return new CatalogEntry(name, await readWorkflowFile(dirname(file), name));
}

async function classesOf(entry: CatalogEntry, server: string): Promise<NodeClasses> {
  await using http = new ComfyHttp(new ServerUrl(server), DEFAULT_LIMITS.connectMs);
  const names = entry.workflow?.nodeClasses ?? entry.graphClasses ?? [];
  return await serverClasses(http, [...names, ...CHUNK_CLASSES], new AbortController().signal);
}
