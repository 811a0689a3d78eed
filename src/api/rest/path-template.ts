import { canonicalSegment } from "./percent-encoding.js";

/** A parsed path template of an http rule. */
export interface PathTemplate {
  /** `*` and `**` for wildcards, otherwise a literal in canonical percent-encoding. */
  readonly segments: readonly string[];
  /** The text after the colon. Empty if there is no colon. */
  readonly verb: string;
  readonly variables: readonly TemplateVariable[];
}

/** A variable of a template and the segments that it captures. */
interface TemplateVariable {
  /** A field path of the request message, e.g. `task_id`. */
  readonly fieldPath: string;
  /** Index of its first segment. */
  readonly start: number;
  /** Index after its last segment. -1 if it captures all remaining segments. */
  readonly end: number;
}

/**
 * Parses a path template. The grammar is that of google/api/http.proto, except that a variable may
 * hold further variables:
 *
 *     Template = "/" Segments [ Verb ] ;
 *     Segments = Segment { "/" Segment } ;
 *     Segment  = "*" | "**" | LITERAL | Variable ;
 *     Variable = "{" FieldPath [ "=" Segments ] "}" ;
 *     FieldPath = IDENT { "." IDENT } ;
 *     Verb     = ":" LITERAL ;
 *
 * `**` may only be the last segment, and a field path may appear once.
 *
 * @throws Error naming the template and the column of the mistake.
 */
export function parsePathTemplate(template: string): PathTemplate {
  const scanner = new TemplateScanner(template);
  scanner.expect("/");
  scanner.readSegments();
  const verb = scanner.accept(":") ? scanner.readLiteral() : "";
  scanner.expectEnd();
  return { segments: scanner.segments, verb, variables: scanner.variables };
}

const FIELD_PATH = /[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/y;
/** RFC 3986's pchar without the characters that the grammar itself uses. */
const LITERAL = /[A-Za-z0-9\-._~!$&'()+,;@%]+/y;

class TemplateScanner {
  readonly segments: string[] = [];
  readonly variables: TemplateVariable[] = [];
  readonly #template: string;
  readonly #fieldPaths = new Set<string>();
  #index = 0;

  constructor(template: string) {
    this.#template = template;
  }

  readSegments(): void {
    do this.#readSegment();
    while (this.accept("/"));
  }

  readLiteral(): string {
    const literal = this.#match(LITERAL) ?? this.#fail("expected a path segment");
    try {
      return canonicalSegment(literal);
    } catch {
      return this.#fail(`bad escape in "${literal}"`);
    }
  }

  accept(text: string): boolean {
    if (!this.#template.startsWith(text, this.#index)) return false;
    this.#index += text.length;
    return true;
  }

  expect(text: string): void {
    if (!this.accept(text)) this.#fail(`expected "${text}"`);
  }

  expectEnd(): void {
    if (this.#index !== this.#template.length) this.#fail("unexpected character");
  }

  #readSegment(): void {
    if (this.segments.at(-1) === "**") this.#fail('"**" must be the last segment');
    if (this.accept("**")) this.segments.push("**");
    else if (this.accept("*")) this.segments.push("*");
    else if (this.accept("{")) this.#readVariable();
    else this.segments.push(this.readLiteral());
  }

  #readVariable(): void {
    const fieldPath = this.#match(FIELD_PATH) ?? this.#fail("expected a field path");
    if (this.#fieldPaths.has(fieldPath)) this.#fail(`variable "${fieldPath}" appears twice`);
    this.#fieldPaths.add(fieldPath);
    const start = this.segments.length;
    if (this.accept("=")) this.readSegments();
    else this.segments.push("*");
    this.expect("}");
    const end = this.segments.at(-1) === "**" ? -1 : this.segments.length;
    this.variables.push({ fieldPath, start, end });
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#index;
    const text = pattern.exec(this.#template)?.[0];
    if (text !== undefined) this.#index += text.length;
    return text;
  }

  #fail(problem: string): never {
    throw new Error(
      `Cannot parse path template "${this.#template}": ${problem} at column ${this.#index + 1}`,
    );
  }
}
