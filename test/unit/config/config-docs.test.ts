import { expect, test } from "vitest";
import { SETTINGS } from "../../../src/config/read-settings.js";
import type { Setting } from "../../../src/config/setting.js";

// `npm run generate` writes the file; the check fails when it is not fresh.
test("docs/configuration.md lists every setting", async () => {
  await expect(document()).toMatchFileSnapshot("../../../docs/configuration.md");
});

function document(): string {
  const rows = Object.values(SETTINGS as Record<string, Setting<unknown>>);
  return `# Configuration

Everything has a default: with no configuration at all the service runs standalone. Values come from the environment,
else from a YAML file (\`config.yaml\` in the working directory, or the one that \`TMLSR_CONFIG\` names), else from this
table. Unknown keys and bad values stop the start with a message that names them.

The keys are \`section.key\`: \`server.port\` is

\`\`\`yaml
server:
  port: 6008
\`\`\`

| environment | key in the file | meaning | default |
|---|---|---|---|
${rows.map(row).join("\n")}
`;
}

function row({ env, key, text, fallback, fallbackText }: Setting<unknown>): string {
  return `| ${env === undefined ? "" : `\`${env}\``} | \`${key}\` | ${text} | ${fallbackText ?? shown(fallback)} |`;
}

function shown(fallback: unknown): string {
  if (fallback === undefined) return "";
  return `\`${Array.isArray(fallback) ? fallback.join(", ") : String(fallback)}\``;
}
