import { DOCS_STYLE } from "./docs-style.js";
import { Html, html, prose } from "./html.js";
import type { OpenApiDocument, Operation } from "./openapi-document.js";
import { operationAnchor, operationSection } from "./operation-section.js";
import { schemaSection } from "./schema-view.js";

/** The documentation as one page of HTML. It loads nothing: no script, no font, no picture. */
export function renderDocsPage(document: OpenApiDocument): string {
  const { info, components } = document;
  const chapters = document.tags.map((tag) => ({
    ...tag,
    operations: operationsOf(document, tag),
  }));
  const page = html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${info.title} API</title>
<style>${new Html(DOCS_STYLE)}</style>
</head>
<body>
<nav>
<p><a href="#top"><strong>${info.title}</strong></a></p>
${chapters.map(({ name, operations }) => html`<strong>${name}</strong>${menu(operations)}`)}
<a href="#schemas"><strong>Schemas</strong></a>
</nav>
<main id="top">
<h1>${info.title}</h1>
<p>${info.summary}. The same as <a href="/openapi.json">OpenAPI 3.1</a>.</p>
${prose(info.description)}
${chapters.map(
  ({ name, description, operations }) => html`<h2>${name}</h2>
${prose(description)}
${operations.map(({ method, path, operation }) => operationSection(method, path, operation, document))}`,
)}
<h2 id="schemas">Schemas</h2>
${Object.entries(components.schemas).map(([name, schema]) => schemaSection(name, schema))}
</main>
</body>
</html>
`;
  return page.text;
}

interface PlacedOperation {
  readonly method: string;
  readonly path: string;
  readonly operation: Operation;
}

function operationsOf(
  { paths }: OpenApiDocument,
  tag: { readonly name: string },
): PlacedOperation[] {
  return Object.entries(paths)
    .flatMap(([path, methods]) =>
      Object.entries(methods).map(([method, operation]) => ({ method, path, operation })),
    )
    .filter(({ operation }) => operation.tags.includes(tag.name));
}

function menu(operations: readonly PlacedOperation[]): Html {
  const items = operations.map(
    ({ method, path, operation }) =>
      html`<li><a href="#${operationAnchor(operation.operationId)}">${method.toUpperCase()} ${path}</a></li>`,
  );
  return html`<ul>${items}</ul>`;
}
