import type { Terminal } from "./terminal.js";

/** Rows of text under a heading, the columns as wide as they must be. */
function table(heading: readonly string[], rows: readonly (readonly string[])[]): string {
  const all = [heading, ...rows];
  const widths = heading.map((_title, at) => Math.max(...all.map((row) => (row[at] ?? "").length)));
  const lines = all.map((row) =>
    row
      .map((cell, at) => cell.padEnd(widths[at] ?? 0))
      .join("  ")
      .trimEnd(),
  );
  return `${lines.join("\n")}\n`;
}

/** Prints documents: a table on a terminal, elsewhere a JSON object a line. */
export function printAll<T extends object>(
  terminal: Terminal,
  items: readonly T[],
  heading: readonly string[],
  row: (item: T) => readonly string[],
): void {
  if (terminal.isTerminal) terminal.write(table(heading, items.map(row)));
  else for (const item of items) terminal.write(`${JSON.stringify(item)}\n`);
}

/** Prints one document: indented on a terminal, elsewhere on one line. */
export function printOne(terminal: Terminal, item: object): void {
  terminal.write(`${JSON.stringify(item, undefined, terminal.isTerminal ? 2 : undefined)}\n`);
}
