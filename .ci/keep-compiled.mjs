// Runs a built program and keeps in INTO, when it ends, what V8 has compiled of it:
//   node .ci/keep-compiled.mjs INTO PROGRAM [ARGUMENT ...]
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { ProgramCode } from "../dist/program-code.js";

const [into, program] = process.argv.splice(2, 2);
const code = new ProgramCode(resolve(import.meta.dirname, "../dist"));
process.once("exit", () => {
  for (const [file, data] of code.compiled()) {
    const path = join(into, `${file}.bin`);
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, data);
  }
});
code.run(program);
