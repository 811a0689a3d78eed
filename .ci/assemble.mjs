// Assembles the WebAssembly text of the built-in network into a TypeScript file, so that neither a run from source nor a
// build has to assemble or to copy anything.
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";
import wabt from "wabt";

const SOURCE = "src/cpu-server/network/convolutions.wat";

const { parseWat } = await wabt();
const { buffer } = parseWat(basename(SOURCE), readFileSync(SOURCE, "utf8")).toBinary({});
const lines = Buffer.from(buffer).toString("base64").match(/.{1,96}/g);
writeFileSync(
  SOURCE.replace(/\.wat$/, ".ts"),
  `// Generated from ${basename(SOURCE)} by .ci/assemble.mjs.

/** The WebAssembly program, as base64. */
export const CONVOLUTIONS = \`
${lines.join("\n")}\`;
`,
);
