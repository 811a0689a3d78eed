import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type Figure, isReached, showGoal } from "./figure.js";
import type { Machine } from "./machine.js";

/** What one run of the bench measured. */
export interface Report {
  readonly machine: Machine;
  readonly startedAt: string;
  readonly subjects: readonly SubjectReport[];
}

/** What one subject measured, and under what load it began. */
export interface SubjectReport {
  readonly name: string;
  /** Load average over a minute when it began. */
  readonly load: number;
  readonly figures: readonly Figure[];
  /** Why there are no more figures. */
  readonly error?: string;
}

const DIRECTORY = resolve(".bench");

/** Prints the table. */
export function printReport({ machine, startedAt, subjects }: Report): void {
  const { host, cores, cpu, node, load } = machine;
  console.log(`\n${host}, ${cores} cores (${cpu}), node ${node}, ${startedAt}`);
  console.log(
    `load average at start ${load.join(" ")}; a number after a subject is the load there`,
  );
  for (const { name, load: at, figures, error } of subjects) {
    console.log(`\n${name}  (${at.toFixed(1)})`);
    for (const figure of figures) console.log(`  ${line(figure)}`);
    if (error !== undefined) console.log(`  not measured: ${error}`);
  }
}

/** Writes the figures as JSON. @returns the path. */
export async function writeReport(report: Report): Promise<string> {
  await mkdir(DIRECTORY, { recursive: true });
  const path = join(DIRECTORY, `${report.startedAt.replace(/[:.]/g, "-")}.json`);
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  return path;
}

function line(figure: Figure): string {
  const { what, value, unit, goal, note } = figure;
  const shown = `${shorten(value)}${unit === "" ? "" : ` ${unit}`}`;
  const verdict = isReached(figure) ? "ok" : "MISSED";
  const judged = goal === undefined ? "" : `goal ${showGoal(goal)}  ${verdict}`;
  const text = `${what.padEnd(66)} ${shown.padStart(12)}  ${judged}`.trimEnd();
  return note === undefined ? text : `${text}\n      (${note})`;
}

function shorten(value: number): string {
  if (Math.abs(value) >= 100 || Number.isInteger(value)) return String(Math.round(value));
  return value.toFixed(Math.abs(value) >= 10 ? 1 : 3);
}
