/** Text that is already HTML. Any other text is escaped when it is put into HTML. */
export class Html {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** Values that {@link html} takes. undefined becomes nothing. */
export type HtmlValue = string | Html | readonly Html[] | undefined;

/** A template tag for HTML. It escapes its values, except those that are already HTML. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  const parts = strings.map((part, index) => part + toText(values[index]));
  return new Html(parts.join(""));
}

/**
 * Formats a proto comment: blank lines separate paragraphs, lines that begin with `* ` become a
 * list, text in backticks becomes code.
 */
export function prose(text: string): readonly Html[] {
  return text
    .split(/\n{2,}/)
    .filter((block) => block !== "")
    .map((block) => (block.startsWith("* ") ? list(block) : html`<p>${inline(block)}</p>`));
}

/** Formats one line of a proto comment. */
export function inline(text: string): readonly Html[] {
  return text
    .split("`")
    .map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : html`${part}`));
}

function list(block: string): Html {
  const items = block.slice("* ".length).split("\n* ");
  return html`<ul>${items.map((item) => html`<li>${inline(item)}</li>`)}</ul>`;
}

const ESCAPES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function toText(value: HtmlValue): string {
  if (value === undefined) return "";
  if (typeof value === "string") return value.replace(/[&<>"']/g, (char) => ESCAPES[char] ?? char);
  return value instanceof Html ? value.text : value.map(({ text }) => text).join("");
}
