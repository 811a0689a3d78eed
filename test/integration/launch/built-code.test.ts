import { execFile } from "node:child_process";
import { mkdir, readdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, test } from "vitest";
import { tempDir } from "../../support/temp-dir.js";

const DIST = join(import.meta.dirname, "../../../dist");

describe("the built code", () => {
  test.each([
    // Each ends by itself: by a wrong configuration, with its help, for want of a directory.
    { program: "main.cjs", env: { TMLSR_PORT: "none" } },
    { program: "command/main.cjs", env: {} },
    { program: "cpu-server/main.cjs", env: {} },
  ])("V8 takes all that was compiled of $program at the build", async ({ program, env }) => {
    const seen = await run(program, env);
    expect(seen.refused).toEqual([]);
    expect(seen.taken).toContain(program);
    expect(seen.taken.length).toBeGreaterThan(2);
  });

  test("a file of it waits for packages that are being imported, since it may need one of them itself", async () => {
    const directory = await tempDir();
    const esPackage = join(directory, "node_modules/es-package");
    await mkdir(esPackage, { recursive: true });
    const files = {
      "package.json": `{ "type": "module", "exports": "./index.js" }`,
      "index.js": `export { value } from "./value.js";`,
      "value.js": `export { value } from "./deeper.js";`,
      "deeper.js": "export const value = 3;",
    };
    for (const [name, text] of Object.entries(files)) await writeFile(join(esPackage, name), text);
    const url = pathToFileURL(join(esPackage, "index.js")).href;
    await writeFile(join(directory, "needs.cjs"), `exports.seen = require("es-package").value;`);
    // In each turn of the event loop while the package is imported.
    await writeFile(
      join(directory, "main.cjs"),
      `const all = [];
      const load = () => all.push(importFile("./needs.cjs").then(({ seen }) => seen, ({ code }) => code));
      const turns = () => { if (!isOver) setImmediate(turns); load(); };
      let isOver = false;
      importPackage(${JSON.stringify(url)}).then(async () => {
        isOver = true;
        console.log(JSON.stringify([...new Set(await Promise.all(all))]));
      });
      setImmediate(turns);`,
    );
    const { stdout } = await ended(
      `import { ProgramCode } from ${JSON.stringify(join(DIST, "program-code.js"))};
       new ProgramCode(${JSON.stringify(directory)}).run("main.cjs");`,
      {},
    );
    expect(JSON.parse(stdout)).toEqual([3]);
  });
});

/** Runs a program until it ends by itself, and tells of its files. */
async function run(program: string, env: Readonly<Record<string, string>>) {
  const [version = ""] = await readdir(join(DIST, "compiled"));
  const compiled = join(DIST, "compiled", version);
  const script = `
    import { existsSync } from "node:fs";
    import { join } from "node:path";
    import { ProgramCode } from ${JSON.stringify(join(DIST, "program-code.js"))};
    const code = new ProgramCode(${JSON.stringify(DIST)}, ${JSON.stringify(compiled)});
    process.once("exit", () => {
      const loaded = [...code.compiled()].map(([file]) => file);
      const taken = loaded.filter((file) => existsSync(join(${JSON.stringify(compiled)}, file + ".bin")));
      console.log(JSON.stringify({ taken, refused: code.refused }));
    });
    code.run(${JSON.stringify(program)});`;
  const { stdout } = await ended(script, env);
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as {
    readonly taken: readonly string[];
    readonly refused: readonly string[];
  };
}

/** How it ends is not looked at. */
async function ended(script: string, env: Readonly<Record<string, string>>) {
  const cwd = await tempDir();
  return await new Promise<{ readonly stdout: string }>((resolve) => {
    const options = { cwd, env: { PATH: process.env["PATH"], ...env } };
    execFile(process.execPath, ["--input-type=module", "-e", script], options, (_, stdout) =>
      resolve({ stdout }),
    );
  });
}
