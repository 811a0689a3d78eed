/**
 * Says where a text stops being JSON. V8's own message often does not say it.
 *
 * @returns e.g. `unexpected "}" at line 2, column 7`; undefined if the text is JSON.
 */
export function describeJsonError(text: string): string | undefined {
  const index = findJsonError(text);
  if (index === undefined) return undefined;
  const before = text.slice(0, index).split("\n");
  const column = (before.at(-1) ?? "").length + 1;
  const char = text.codePointAt(index);
  const what = char === undefined ? "end" : JSON.stringify(String.fromCodePoint(char));
  return `unexpected ${what} at line ${before.length}, column ${column}`;
}

/** RFC 8259. Strings are matched in runs, so that a long one needs no backtracking. */
const STRING = String.raw`"[^"\\\u0000-\u001f]*(?:\\(?:["\\/bfnrt]|u[\dA-Fa-f]{4})[^"\\\u0000-\u001f]*)*"`;
const NUMBER = String.raw`-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?`;
const TOKEN = new RegExp(`(${STRING})|${NUMBER}|true|false|null|[{}[\\],:]|$`, "y");
const BLANK = /[ \t\r\n]*/y;

/** The kinds of token that may come next. `close` is the bracket that ends the innermost value. */
type Expected = "value" | "value-or-close" | "key" | "key-or-close" | "colon" | "comma-or-close";

/** Index of the first token that is not allowed at its place. */
function findJsonError(text: string): number | undefined {
  const closers: string[] = [];
  let expected: Expected = "value";
  for (let index = 0; ; ) {
    index = endOfMatch(BLANK, text, index) ?? index;
    const end = endOfMatch(TOKEN, text, index);
    const token = end === undefined ? undefined : text.slice(index, end);
    if (token === "" && expected === "comma-or-close" && closers.length === 0) return undefined;
    const next: Expected | undefined =
      token === undefined ? undefined : step(expected, token, closers);
    if (end === undefined || next === undefined) return index;
    expected = next;
    index = end;
  }
}

function endOfMatch(pattern: RegExp, text: string, index: number): number | undefined {
  pattern.lastIndex = index;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}

/**
 * The kinds of token that may follow `token`, or undefined if `token` is not allowed here. Keeps
 * the open brackets in `closers`.
 */
function step(expected: Expected, token: string, closers: string[]): Expected | undefined {
  if (expected === "colon") return token === ":" ? "value" : undefined;
  if (token === closers.at(-1) && expected !== "value" && expected !== "key") {
    closers.pop();
    return "comma-or-close";
  }
  if (expected === "comma-or-close") return afterComma(token, closers.at(-1));
  if (expected === "key" || expected === "key-or-close") {
    return token.startsWith('"') ? "colon" : undefined;
  }
  return beginValue(token, closers);
}

function afterComma(token: string, closer: string | undefined): Expected | undefined {
  if (token !== "," || closer === undefined) return undefined;
  return closer === "}" ? "key" : "value";
}

function beginValue(token: string, closers: string[]): Expected | undefined {
  if (token === "{" || token === "[") {
    closers.push(token === "{" ? "}" : "]");
    return token === "{" ? "key-or-close" : "value-or-close";
  }
  return /^["\-\dtfn]/.test(token) ? "comma-or-close" : undefined;
}
