/** Where the command writes; a terminal shows bars and tables, everything else gets JSON lines. */
export interface Terminal {
  readonly isTerminal: boolean;
  /** Characters of a line, and lines. */
  readonly columns: number;
  readonly rows: number;
  readonly hasColors: boolean;
  /** To standard output. */
  write(text: string): void;
}

/** The process's own terminal. @param asJson prints JSON lines on a terminal too */
export function openTerminal(asJson: boolean): Terminal {
  const { stdout } = process;
  return {
    isTerminal: stdout.isTTY === true && !asJson,
    get columns() {
      return stdout.columns ?? 80;
    },
    get rows() {
      return stdout.rows ?? 24;
    },
    hasColors: stdout.isTTY === true && stdout.hasColors(),
    write: (text) => void stdout.write(text),
  };
}
