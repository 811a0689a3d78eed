import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";

/** A CommonJS module. */
interface Module {
  exports: unknown;
}

/** How V8 is to run the code. What it has compiled with other flags it refuses. */
const FLAGS = [
  // A start calls much of SQLite a few times. V8 would optimize that at once, on the cores that the start needs.
  "--wasm-tiering-budget=18000000",
  // By how much the heap may grow until the next full collection. V8 itself takes up to 300 for a process that is busy, but 10
  // for one that mostly waits: then full collections take a third of its processor time.
  "--heap-growing-percent=60",
];

/**
 * The built code of the package: CommonJS files in one directory, and beside them, for each, what V8 has compiled
 * of it before. To compile is a fifth of a start, and more of a first call.
 *
 * V8 itself judges what was compiled: if it comes from another version of V8 or from other flags, the file is
 * compiled anew, which takes longer and changes nothing. It does not see whether the text is still the same, so
 * each build keeps it in a directory of its own.
 */
export class ProgramCode {
  readonly #directory: string;
  readonly #compiled: string | undefined;
  readonly #modules = new Map<string, Module>();
  readonly #scripts = new Map<string, Script>();
  /** Packages that are being imported. */
  readonly #imports = new Set<Promise<unknown>>();

  /**
   * @param directory with the files
   * @param compiled the directory with what was compiled of them; without one all is compiled
   */
  constructor(directory: string, compiled?: string) {
    this.#directory = directory;
    this.#compiled = compiled;
  }

  /** Runs a program. @param file its name in the directory, like `command/main.cjs` */
  run(file: string): void {
    for (const flag of FLAGS) setFlagsFromString(flag);
    this.#load(file);
  }

  /** The files of which V8 did not take what was compiled before. */
  get refused(): readonly string[] {
    const files = [...this.#scripts].filter(([, script]) => script.cachedDataRejected);
    return files.map(([file]) => file);
  }

  /** What has been compiled so far: functions that were never called are not in it. */
  *compiled(): Generator<readonly [file: string, data: Buffer]> {
    for (const [file, script] of this.#scripts) yield [file, script.createCachedData()];
  }

  #load(file: string): unknown {
    const loaded = this.#modules.get(file);
    if (loaded) return loaded.exports;
    const module: Module = { exports: {} };
    this.#modules.set(file, module);
    try {
      this.#run(file, module);
    } catch (error) {
      // What is there of it is not to be taken for all.
      this.#modules.delete(file);
      throw error;
    }
    return module.exports;
  }

  #run(file: string, module: Module): void {
    const filename = join(this.#directory, file);
    const text = readFileSync(filename, "utf8");
    const script = new Script(wrap(text), { filename, ...cached(this.#compiled, file) });
    this.#scripts.set(file, script);
    const packages = createRequire(filename);
    const require = (name: string): unknown =>
      name.startsWith(".") ? this.#load(join(dirname(file), name)) : packages(name);
    const importPackage = (name: string): Promise<unknown> => this.#noteImport(import(name));
    const importFile = async (name: string): Promise<unknown> => {
      await this.#importsEnded();
      return require(name);
    };
    const run = script.runInThisContext() as (...given: unknown[]) => void;
    const loaders = [require, importPackage, importFile];
    run(module.exports, ...loaders, module, filename, dirname(filename));
  }

  async #noteImport(imported: Promise<unknown>): Promise<unknown> {
    this.#imports.add(imported);
    try {
      return await imported;
    } finally {
      this.#imports.delete(imported);
    }
  }

  /** Node.js fails to load a package at once that is being imported: its own files wait for that. */
  async #importsEnded(): Promise<void> {
    while (this.#imports.size > 0) await Promise.allSettled(this.#imports);
  }
}

/** On one line with the text's first: lines keep their numbers. */
function wrap(text: string): string {
  const code = text.startsWith("#!") ? `//${text}` : text;
  return `(function (exports, require, importPackage, importFile, module, __filename, __dirname) { ${code}\n})`;
}

function cached(directory: string | undefined, file: string): { readonly cachedData?: Buffer } {
  if (directory === undefined) return {};
  try {
    return { cachedData: readFileSync(join(directory, `${file}.bin`)) };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return {};
    throw error;
  }
}
