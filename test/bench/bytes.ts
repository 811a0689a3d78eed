import { spawn } from "node:child_process";
import { once } from "node:events";
import { open, rm } from "node:fs/promises";
import { loadavg } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { BytesJob, BytesLeg, BytesResult } from "./bytes-leg.js";
import { serveBytes } from "./bytes-server.js";
import { makeDirectory } from "./directory.js";
import type { Figure } from "./figure.js";
import { readMachine } from "./machine.js";
import { printReport, type SubjectReport, writeReport } from "./report.js";

// npm run bench:bytes            1 GiB in from an origin, through a ComfyUI server, out to a storage
// npm run bench:bytes -- 4096    the same with so many MiB
// Each way of moving the bytes runs in a process of its own, raw and ours in turns; the best of each
// counts. The other side is in this process, the same for both.

const ROUNDS = 2;
const GOAL_RATIO = 0.6;
const GOAL_RESIDENT_MB = 200;

/** What is compared: our way, and the plain one that moves the same bytes between the same ends. */
const PAIRS: readonly (readonly [what: string, ours: BytesLeg, raw: BytesLeg])[] = [
  ["in: download of an input", "download", "raw-get"],
  ["in: file of the allowed directory", "file", "raw-copy"],
  ["through: input to the server", "send", "raw-post"],
  ["through: result from the server", "view", "raw-get"],
  ["out: to OSS, in parts, with MD5", "oss", "raw-post"],
  ["out: to local disk, same file system", "keep", "raw-copy"],
];

async function bench([mib = "1024"]: readonly string[]): Promise<void> {
  if (!/^[1-9]\d*$/.test(mib)) throw new Error(`A size in MiB is a whole number, not "${mib}"`);
  const sizeBytes = Number(mib) * 1024 * 1024;
  const [machine, startedAt] = [readMachine(), new Date().toISOString()];
  await using directory = await makeDirectory();
  await using server = await serveBytes(sizeBytes);
  const source = join(directory.path, "source");
  await writeBytes(source, sizeBytes);
  const subjects: SubjectReport[] = [];
  for (const [what, ours, raw] of PAIRS) {
    const load = loadavg()[0] ?? Number.NaN;
    const job = { url: server.url, source, target: join(directory.path, "target"), sizeBytes };
    console.error(`${what} ...`);
    const figures = await compare({ ...job, leg: ours }, { ...job, leg: raw });
    subjects.push({ name: `${what}, ${mib} MiB`, load, figures });
  }
  printReport({ machine, startedAt, subjects });
  console.log(`\n${await writeReport({ machine, startedAt, subjects })}`);
}

async function compare(ours: BytesJob, raw: BytesJob): Promise<readonly Figure[]> {
  const runs: { ours: BytesResult; raw: BytesResult }[] = [];
  for (let round = 0; round < ROUNDS; round++)
    runs.push({ raw: await run(raw), ours: await run(ours) });
  const best = (side: "ours" | "raw") => Math.min(...runs.map((one) => one[side].durationMs));
  const most = (side: "ours" | "raw") => Math.max(...runs.map((one) => one[side].residentMb));
  const rate = (side: "ours" | "raw") => ours.sizeBytes / 1e6 / (best(side) / 1000);
  return [
    { what: "speed", value: rate("ours"), unit: "MB/s" },
    { what: `speed, ${raw.leg}`, value: rate("raw"), unit: "MB/s" },
    {
      what: "speed, ratio",
      value: rate("ours") / rate("raw"),
      unit: "",
      // The MD5 of every byte, which one core computes, is not in the raw one.
      ...(ours.leg !== "oss" && { goal: { atLeast: GOAL_RATIO } }),
    },
    {
      what: "resident, at most",
      value: most("ours"),
      unit: "MB",
      goal: { atMost: GOAL_RESIDENT_MB },
    },
    { what: `resident, ${raw.leg}`, value: most("raw"), unit: "MB" },
    { what: "resident, ratio", value: most("ours") / most("raw"), unit: "" },
  ];
}

const LEG = fileURLToPath(new URL("./bytes-leg.ts", import.meta.url));

/** One way of moving the bytes, once. @throws Error with what it said if it failed */
async function run(job: BytesJob): Promise<BytesResult> {
  const child = spawn(process.execPath, ["--import", "tsx", LEG, JSON.stringify(job)], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [exitCode] = await once(child, "close");
  await rm(job.target, { recursive: true, force: true });
  if (exitCode !== 0) throw new Error(`${job.leg} failed`);
  return JSON.parse(Buffer.concat(chunks).toString()) as BytesResult;
}

async function writeBytes(path: string, sizeBytes: number): Promise<void> {
  await using file = await open(path, "w");
  const block = Buffer.alloc(1024 * 1024, 7);
  for (let at = 0; at < sizeBytes; at += block.length) await file.write(block);
}

await bench(process.argv.slice(2));
