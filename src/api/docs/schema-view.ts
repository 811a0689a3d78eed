import { type Html, html, inline, prose } from "./html.js";
import type { Schema } from "./openapi-document.js";

/** The section of a named schema, with a row for each of its properties. */
export function schemaSection(name: string, schema: Schema): Html {
  return html`<section id="${schemaId(name)}">
<h3>${name}</h3>
${prose(schema.description ?? "")}
${schema.properties === undefined ? undefined : propertyTable(schema)}
</section>`;
}

/** The type of a value in a few words. A named type is a link. */
export function typeLabel(schema: Schema): Html {
  if (schema.$ref !== undefined) return schemaLink(schema.$ref);
  if (schema.oneOf !== undefined) return anyOf(schema.oneOf.map(typeLabel));
  if (schema.items !== undefined) return html`list of ${typeLabel(schema.items)}`;
  const { type = "any" } = schema;
  const label = typeof type === "string" ? type : type.join(" or ");
  return schema.format === undefined ? html`${label}` : html`${label} (${schema.format})`;
}

/** The limits of a value: `0 to 60`. */
export function limitLabel(schema: Schema): Html | undefined {
  const { minimum, maximum, minLength, maxLength, pattern } = schema;
  const parts = [
    range(minimum, maximum, ""),
    range(minLength, maxLength, " characters"),
    pattern === undefined ? undefined : html`matches <code>${pattern}</code>`,
  ].filter((part) => part !== undefined);
  return parts.length === 0 ? undefined : html`<small>${joined(parts, ", ")}</small>`;
}

function propertyTable({ properties = {}, required = [] }: Schema): Html {
  const rows = Object.entries(properties).map(
    ([name, schema]) => html`<tr>
<td><code>${name}</code>${required.includes(name) ? html` <small>required</small>` : undefined}
${schema.deprecated === true ? html`<small>deprecated</small>` : undefined}</td>
<td>${typeLabel(schema)} ${limitLabel(schema)}</td>
<td>${inline(schema.description ?? "")}</td>
</tr>`,
  );
  return html`<table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead>
<tbody>${rows}</tbody></table>`;
}

/** The name at the end of a reference such as `#/components/schemas/Task`. */
export function refName(ref: string): string {
  return ref.slice(ref.lastIndexOf("/") + 1);
}

function schemaLink(ref: string): Html {
  const name = refName(ref);
  return html`<a href="#${schemaId(name)}">${name}</a>`;
}

function schemaId(name: string): string {
  return `schema-${name}`;
}

function anyOf(labels: readonly Html[]): Html {
  return joined(labels, " or ");
}

function range(min: number | undefined, max: number | undefined, unit: string): Html | undefined {
  if (min === undefined && max === undefined) return undefined;
  if (max === undefined) return html`at least ${String(min)}${unit}`;
  return min === undefined
    ? html`at most ${String(max)}${unit}`
    : html`${String(min)} to ${String(max)}${unit}`;
}

function joined(parts: readonly Html[], separator: string): Html {
  return html`${parts.map((part, index) => (index === 0 ? part : html`${separator}${part}`))}`;
}
