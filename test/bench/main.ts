import { loadavg } from "node:os";
import { apiCalls } from "./api-calls.js";
import { cancel } from "./cancel.js";
import { cutFilm } from "./cut-film.js";
import { dispatch } from "./dispatch.js";
import { eventLoop } from "./event-loop.js";
import type { Subject, SubjectOptions } from "./figure.js";
import { filmMemory } from "./film-memory.js";
import { films } from "./films.js";
import { handOver } from "./hand-over.js";
import { joinFilmBench } from "./join-film.js";
import { keys } from "./keys.js";
import { readMachine } from "./machine.js";
import { modelLoads } from "./model-loads.js";
import { mongo } from "./mongo.js";
import { pageFrames } from "./page-frames.js";
import { quality } from "./quality.js";
import { printReport, type SubjectReport, writeReport } from "./report.js";
import { sample } from "./sample.js";
import { seams } from "./seams.js";
import { soak } from "./soak.js";
import { start } from "./start.js";
import { stats } from "./stats.js";
import { statsStreams } from "./stats-streams.js";
import { watchMany } from "./watch-many.js";
import { watchStreams } from "./watch-streams.js";
import { webhooks } from "./webhooks.js";

// npm run bench                 the quick set, a few minutes
// npm run bench -- start stats  some of it
// npm run bench:soak -- 10      ten minutes; an hour by default
// npm run bench -- --store mongodb   the store on MongoDB, in a quarter of an hour
// Figures are printed beside their goals and written to .bench/ as JSON; none makes the bench fail.

const QUICK: readonly Subject[] = [
  start,
  sample,
  quality,
  dispatch,
  handOver,
  modelLoads,
  cancel,
  apiCalls,
  keys,
  stats,
  statsStreams,
  eventLoop,
  pageFrames,
  watchStreams,
  watchMany,
  cutFilm,
  joinFilmBench,
];
const ALL: readonly Subject[] = [...QUICK, films, filmMemory, seams, webhooks, soak, mongo];

async function bench(args: readonly string[]): Promise<void> {
  const names = args.filter((word) => !/^\d+$/.test(word) && word !== "--store");
  const minutes = args.find((word) => /^\d+$/.test(word));
  const unknown = names.filter((name) => !ALL.some((subject) => subject.name === name));
  const known = ALL.map(({ name }) => name).join(", ");
  if (unknown.length > 0) throw new Error(`No subject ${unknown.join(", ")}; there are ${known}`);
  const chosen = names.length === 0 ? QUICK : ALL.filter(({ name }) => names.includes(name));
  const machine = readMachine();
  const startedAt = new Date().toISOString();
  const options: SubjectOptions = {
    ...(minutes !== undefined && { minutes: Number(minutes) }),
    say: (text) => console.error(`  ${text}`),
  };
  const subjects: SubjectReport[] = [];
  for (const subject of chosen) subjects.push(await measured(subject, options));
  printReport({ machine, startedAt, subjects });
  console.log(`\n${await writeReport({ machine, startedAt, subjects })}`);
  if (subjects.some(({ error }) => error !== undefined)) process.exitCode = 1;
}

/** One subject that cannot be measured does not keep the others from being. */
async function measured(subject: Subject, options: SubjectOptions): Promise<SubjectReport> {
  const { name } = subject;
  const load = loadavg()[0] ?? Number.NaN;
  console.error(`${name} ...`);
  try {
    return { name, load, figures: await subject.measure(options) };
  } catch (error) {
    console.error(error);
    return { name, load, figures: [], error: error instanceof Error ? error.message : "?" };
  }
}

await bench(process.argv.slice(2));
