import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ProgramCode } from "../../../src/launch/program-code.js";
import { tempDir } from "../../support/temp-dir.js";

describe("program code", () => {
  test("runs files that load each other, packages, and parts of Node", async () => {
    const directory = await filesIn({
      "deep/main.cjs": `const { told } = require("../chunks/told.cjs");
        told.push(require("node:path").sep, require("a-package"), __filename, __dirname);`,
      "chunks/told.cjs": "exports.told = (globalThis.toldByCode = []);",
      "node_modules/a-package/index.js": "module.exports = 'a package';",
    });
    new ProgramCode(directory).run("deep/main.cjs");
    const file = join(directory, "deep/main.cjs");
    expect(told()).toEqual(["/", "a package", file, dirname(file)]);
  });

  test("runs a file once, and one that loads what loads it gets what is there so far", async () => {
    const directory = await filesIn({
      "main.cjs": `exports.early = 1; const { seen } = require("./other.cjs"); require("./other.cjs");
        globalThis.toldByCode = [seen, globalThis.runs];`,
      "other.cjs": `globalThis.runs = (globalThis.runs ?? 0) + 1; exports.seen = require("./main.cjs").early;`,
    });
    new ProgramCode(directory).run("main.cjs");
    expect(told()).toEqual([1, 1]);
  });

  test("gives scripts a function to import packages by", async () => {
    const directory = await filesIn({
      "main.cjs": `globalThis.toldByCode = importPackage("node:os").then(({ EOL }) => EOL);`,
    });
    new ProgramCode(directory).run("main.cjs");
    expect(await told()).toBe("\n");
  });

  test("a file that failed is run anew when it is needed again", async () => {
    const directory = await filesIn({
      "main.cjs": `let error; try { require("./other.cjs"); } catch (thrown) { error = thrown.message; }
        globalThis.toldByCode = [error, require("./other.cjs").runs];`,
      "other.cjs": `globalThis.otherRuns = (globalThis.otherRuns ?? 0) + 1;
        if (globalThis.otherRuns === 1) throw new Error("not yet"); exports.runs = globalThis.otherRuns;`,
    });
    new ProgramCode(directory).run("main.cjs");
    expect(told()).toEqual(["not yet", 2]);
  });

  test("an error names the line of the file, also of one that begins with #!", async () => {
    const directory = await filesIn({
      "main.cjs": "#!/usr/bin/env node\n\nthrow new Error('of line 3');",
    });
    const error = thrownBy(() => new ProgramCode(directory).run("main.cjs"));
    expect(error.stack).toContain(`${join(directory, "main.cjs")}:3`);
  });

  test("takes what was compiled of the same text before", async () => {
    const directory = await filesIn({ "main.cjs": "globalThis.toldByCode = (() => 7)();" });
    const compiled = await keep(directory, "main.cjs");
    const again = new ProgramCode(directory, compiled);
    again.run("main.cjs");
    expect(told()).toBe(7);
    expect(again.refused).toEqual([]);
  });

  test.each([
    { what: "was compiled of another text", spoil: (data: Buffer) => data, value: "110" },
    { what: "is cut off", spoil: (data: Buffer) => data.subarray(0, 100), value: "12" },
    {
      what: "is something else",
      spoil: () => Buffer.from("something else".repeat(9)),
      value: "13",
    },
  ])("compiles anew where what is there $what", async ({ spoil, value }) => {
    const directory = await filesIn({ "main.cjs": "globalThis.toldByCode = 10;" });
    const compiled = await keep(directory, "main.cjs", spoil);
    // Within a process V8 remembers a text; another one it takes from what is there, or compiles it.
    await writeFile(join(directory, "main.cjs"), `globalThis.toldByCode = ${value};`);
    const code = new ProgramCode(directory, compiled);
    code.run("main.cjs");
    expect(told()).toBe(Number(value));
    expect(code.refused).toEqual(["main.cjs"]);
  });

  test("compiles what was not compiled before", async () => {
    const directory = await filesIn({ "main.cjs": "globalThis.toldByCode = 9;" });
    const code = new ProgramCode(directory, join(directory, "nothing"));
    code.run("main.cjs");
    expect(told()).toBe(9);
    expect(code.refused).toEqual([]);
  });
});

async function filesIn(files: Readonly<Record<string, string>>): Promise<string> {
  const directory = await tempDir();
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), text);
  }
  return directory;
}

/** @returns the directory with what is compiled of a program once it ran */
async function keep(
  directory: string,
  program: string,
  spoil = (data: Buffer) => data,
): Promise<string> {
  const compiled = join(directory, "compiled");
  await mkdir(compiled);
  const code = new ProgramCode(directory);
  code.run(program);
  for (const [file, data] of code.compiled())
    await writeFile(join(compiled, `${file}.bin`), spoil(data));
  return compiled;
}

/** What the code left, taken away. */
function told(): unknown {
  const global = globalThis as { toldByCode?: unknown; runs?: unknown };
  const { toldByCode } = global;
  delete global.toldByCode;
  delete global.runs;
  return toldByCode;
}

function thrownBy(call: () => void): Error {
  try {
    call();
  } catch (error) {
    if (error instanceof Error) return error;
  }
  throw new Error("Nothing was thrown");
}
