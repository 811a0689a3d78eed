import { execFile } from "node:child_process";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
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
