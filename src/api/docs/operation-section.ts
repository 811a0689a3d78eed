import { type Html, html, inline, prose } from "./html.js";
import type { Content, OpenApiDocument, Operation, Parameter } from "./openapi-document.js";
import { schemaExample } from "./schema-example.js";
import { limitLabel, typeLabel } from "./schema-view.js";

/** The section of one operation: its purpose, its parameters and its answers. */
export function operationSection(
  method: string,
  path: string,
  operation: Operation,
  document: OpenApiDocument,
): Html {
  const { operationId, summary, description = "", parameters = [], requestBody } = operation;
  return html`<section id="${operationAnchor(operationId)}">
<h3><span class="method ${method}">${method.toUpperCase()}</span> <code>${path}</code></h3>
<p>${inline(summary)}.</p>
${prose(description)}
${parameters.length === 0 ? undefined : parameterTable(parameters)}
${requestBody === undefined ? undefined : html`<h4>Body</h4>${contentView(requestBody.content, document)}`}
<h4>Answers</h4>
${Object.entries(operation.responses).map(([status, { description: meaning, content }]) =>
  responseView(status, meaning, content, document),
)}
</section>`;
}

/** The anchor of an operation in the page. */
export function operationAnchor(operationId: string): string {
  return `operation-${operationId}`;
}

function parameterTable(parameters: readonly Parameter[]): Html {
  const rows = parameters.map(
    ({ name, in: place, required, schema, description }) => html`<tr>
<td><code>${name}</code> <small>${place}${required === true ? ", required" : ""}</small></td>
<td>${typeLabel(schema)} ${limitLabel(schema)}</td>
<td>${inline(description)}</td>
</tr>`,
  );
  return html`<h4>Parameters</h4>
<table><thead><tr><th>Name</th><th>Type</th><th>Meaning</th></tr></thead><tbody>${rows}</tbody></table>`;
}

function responseView(
  status: string,
  description: string,
  content: Content,
  document: OpenApiDocument,
): Html {
  const isSuccess = status.startsWith("2");
  return html`<p><strong class="${isSuccess ? "good" : "bad"}">${status}</strong> ${inline(description)}</p>
${isSuccess ? contentView(content, document) : undefined}`;
}

function contentView(content: Content, document: OpenApiDocument): readonly Html[] {
  return Object.entries(content).map(([mediaType, { schema, examples = {} }]) => {
    const given = Object.values(examples).map(({ summary, value }) => exampleView(summary, value));
    const type = schema === undefined ? undefined : html`: ${typeLabel(schema)}`;
    const made =
      schema === undefined || given.length > 0
        ? []
        : [exampleView("Example", schemaExample(schema, document.components.schemas))];
    return html`<p><code>${mediaType}</code>${type}</p>${[...given, ...made]}`;
  });
}

function exampleView(summary: string, value: unknown): Html {
  return html`<details><summary>${summary}</summary>
<pre>${JSON.stringify(value, null, 2)}</pre></details>`;
}
