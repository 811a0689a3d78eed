import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import pino from "pino";
import { describe, expect, it, onTestFinished } from "vitest";
import { WorkflowCatalog } from "../../../../src/workflow/catalog/catalog.js";
import { eventually } from "../../../support/eventually.js";
import { tempDir } from "../../../support/temp-dir.js";
import { graph, node } from "../convert/graphs.js";
import { madeUpClasses, recordedClasses } from "../object-info.js";
import { IMAGE_PROMPT } from "../workflows.js";

const CORE = recordedClasses("core");

const GRAPH = graph(
  [
    node(1, "LoadImage", { outputs: ["IMAGE", "MASK"], values: ["a.png", "image"] }),
    node(2, "SaveImage", { inputs: [["images", "IMAGE", 1]], values: ["ComfyUI"] }),
  ],
  [[1, 1, 0, 2, 0]],
);

/** A catalog of a directory with these files; it ends with the test. */
async function catalogOf(files: { readonly [file: string]: unknown }) {
  const directory = await tempDir();
  await Promise.all(
    Object.entries(files).map(([file, content]) => write(directory, file, content)),
  );
  const lines: string[] = [];
  const catalog = await WorkflowCatalog.load(directory, {
    logger: pino({ level: "warn" }, { write: (line) => lines.push(line) }),
    defaults: { image: [], video: [] },
  });
  onTestFinished(() => catalog[Symbol.asyncDispose]());
  return {
    catalog,
    directory,
    /** What was logged as a warning. */
    lines,
    write: (file: string, content: unknown) => write(directory, file, content),
  };
}

async function write(directory: string, file: string, content: unknown): Promise<void> {
  const text = typeof content === "string" ? content : JSON.stringify(content);
  const path = join(directory, file);
  await mkdir(dirname(path), { recursive: true });
  await writeFile(path, text);
}

describe("WorkflowCatalog", () => {
  it("lists a directory's workflows by name and finds them with or without .json", async () => {
    const { catalog } = await catalogOf({
      "b.json": IMAGE_PROMPT,
      "a.json": { prompt: IMAGE_PROMPT, client_id: "x" },
      "a.yaml": "title: The first",
      "readme.txt": "no workflow",
      ".hidden.json": "no workflow",
    });
    expect(catalog.list().map(({ name, title }) => [name, title])).toEqual([
      ["a", "The first"],
      ["b", "b"],
    ]);
    expect(catalog.find("b.json")).toBe(catalog.find("b"));
    expect(catalog.find("c")).toBeUndefined();
    expect(catalog.problems()).toEqual([]);
  });

  it("reports a broken file and uses the others", async () => {
    const { catalog } = await catalogOf({
      "good.json": IMAGE_PROMPT,
      "cut.json": '{"1": {',
      "odd.json": { nodes: {} },
      "bad.json": IMAGE_PROMPT,
      "bad.yaml": "titel: x",
    });
    expect(catalog.list().map(({ name }) => name)).toEqual(["good"]);
    expect(
      catalog
        .problems()
        .map(({ name }) => name)
        .sort(),
    ).toEqual(["bad", "cut", "odd"]);
  });

  it("cannot be loaded from a directory that is not there", async () => {
    const directory = join(await tempDir(), "none");
    const options = { logger: pino({ level: "silent" }), defaults: { image: [], video: [] } };
    await expect(WorkflowCatalog.load(directory, options)).rejects.toMatchObject({
      code: "WORKFLOW_INVALID",
      message: `Cannot read directory "${directory}": ENOENT`,
    });
  });

  it("follows files that change, come and go, and tells", async () => {
    const { catalog, directory, write } = await catalogOf({ "a.json": IMAGE_PROMPT });
    let changeCount = 0;
    catalog.subscribe(() => {
      changeCount += 1;
    });
    const before = catalog.find("a")?.version;
    await write("a.yaml", "title: Renamed");
    await write("b.json", IMAGE_PROMPT);
    await eventually(
      () => catalog.find("a")?.title === "Renamed" && catalog.find("b") !== undefined,
    );
    expect(catalog.find("a")?.version).not.toBe(before);
    expect(changeCount).toBeGreaterThan(0);
    await rm(join(directory, "b.json"));
    await eventually(() => catalog.find("b") === undefined);
  });

  it("keeps the version before a change that broke the file, and reports it", async () => {
    const { catalog, write } = await catalogOf({ "a.json": IMAGE_PROMPT });
    const before = catalog.find("a");
    await write("a.json", "{");
    await eventually(() => catalog.problems().length === 1);
    expect(catalog.find("a")).toBe(before);
    await write("a.json", IMAGE_PROMPT);
    await eventually(() => catalog.problems().length === 0);
  });

  it("does not tell of a reload that changed nothing", async () => {
    const { catalog } = await catalogOf({ "a.json": IMAGE_PROMPT });
    let changeCount = 0;
    catalog.subscribe(() => {
      changeCount += 1;
    });
    const before = catalog.find("a");
    await catalog.reload();
    expect(changeCount).toBe(0);
    expect(catalog.find("a")).toBe(before);
  });
});

describe("WorkflowCatalog with variants", () => {
  const SIDECAR = "variants: { other: variants/a.other.json, own: a.json }";

  it("reads them beside the workflow, is no list of them, and follows their files", async () => {
    const { catalog, write } = await catalogOf({
      "a.json": IMAGE_PROMPT,
      "a.yaml": SIDECAR,
      "variants/a.other.json": IMAGE_PROMPT,
    });
    expect(catalog.list().map(({ name }) => name)).toEqual(["a"]);
    const before = catalog.find("a");
    expect(before?.variants?.map(({ name }) => name)).toEqual(["other", "own"]);
    await write("variants/a.other.yaml", 'weights: { "3": 9 }');
    await eventually(() => catalog.find("a")?.version !== before?.version);
    expect(catalog.find("a")?.variants?.[0]?.graph?.weights).toEqual({ "3": 9 });
  });

  it("reports those that are not there, broken or in the editor's format", async () => {
    const { catalog } = await catalogOf({
      "gone.json": IMAGE_PROMPT,
      "gone.yaml": "variants: { other: variants/gone.json, own: gone.json }",
      "cut.json": IMAGE_PROMPT,
      "cut.yaml": "variants: { other: variants/cut.json, own: cut.json }",
      "variants/cut.json": "{",
      "ui.json": IMAGE_PROMPT,
      "ui.yaml": "variants: { other: variants/ui.json, own: ui.json }",
      "variants/ui.json": GRAPH,
    });
    expect(catalog.list()).toEqual([]);
    const problems = [...catalog.problems()].sort((a, b) => a.name.localeCompare(b.name));
    expect(problems).toEqual([
      { name: "cut", reason: expect.stringContaining('Cannot use workflow "variants/cut.json"') },
      { name: "gone", reason: 'Cannot read "variants/gone.json": it does not exist' },
      { name: "ui", reason: expect.stringContaining("has to be in the API format") },
    ]);
  });
});

describe("WorkflowCatalog with a file as the editor saves it", () => {
  it("keeps it pending until a server's classes convert it", async () => {
    const { catalog } = await catalogOf({ "ui.json": GRAPH });
    expect(catalog.list()).toEqual([]);
    expect(catalog.graphs()).toEqual([{ name: "ui", nodeClasses: ["LoadImage", "SaveImage"] }]);
    expect(catalog.unusable("ui.json")?.reason).toContain("waits for a server");
    const workflow = catalog.convert("ui", CORE);
    expect(workflow).toMatchObject({ type: "image", inputNode: "1", resultNode: "2" });
    expect(catalog.list()).toEqual([workflow]);
    expect(catalog.unusable("ui")).toBeUndefined();
    expect(catalog.convert("ui", new Map())).toBe(workflow);
  });

  it("converts it anew by a server that knows more of its nodes", async () => {
    const saveTwice = graph(
      [
        node(1, "LoadImage", { outputs: ["IMAGE", "MASK"], values: ["a.png", "image"] }),
        node(2, "SaveImage", { inputs: [["images", "IMAGE", 1]], values: ["ComfyUI"] }),
        node(3, "SaveFilm", { inputs: [["images", "IMAGE", 2]], values: ["ComfyUI"] }),
      ],
      [
        [1, 1, 0, 2, 0],
        [2, 1, 0, 3, 0],
      ],
    );
    const { catalog } = await catalogOf({ "ui.json": saveTwice, "ui.yaml": 'result: "2"' });
    expect(Object.keys(catalog.convert("ui", CORE).prompt)).toEqual(["1", "2"]);
    const film = { input: CORE.get("SaveImage")?.input, output_node: true };
    const richer = new Map([...CORE, ...madeUpClasses({ SaveFilm: film })]);
    const workflow = catalog.convert("ui", richer);
    expect(Object.keys(workflow.prompt)).toEqual(["1", "2", "3"]);
    expect(catalog.convert("ui", CORE)).toBe(workflow);
  });

  it("makes of a file from the editor what a shipped workflow is", async () => {
    const saved = new URL("../../../fixtures/workflows/upscale-as-saved.json", import.meta.url);
    const { catalog } = await catalogOf({ "upscale.json": await readFile(saved, "utf8") });
    const { prompt } = catalog.convert("upscale", CORE);
    expect(Object.keys(prompt)).toEqual(["1", "2", "3", "5"]);
    expect(prompt["3"]?.inputs).toEqual({ upscale_model: ["2", 0], image: ["1", 0] });
    expect(prompt["5"]?.inputs).toEqual({ images: ["3", 0], filename_prefix: "ComfyUI" });
  });

  it("reports what keeps it from being converted, logged once, until another server can", async () => {
    const { catalog, lines } = await catalogOf({ "ui.json": GRAPH });
    const poor = madeUpClasses({
      SaveImage: { input: CORE.get("SaveImage")?.input, output_node: true },
    });
    const message = 'node "1" (LoadImage) is of a class that the server does not have';
    expect(() => catalog.convert("ui", poor)).toThrow(message);
    expect(() => catalog.convert("ui", new Map(poor))).toThrow(message);
    expect(lines.map((line) => JSON.parse(line).reason)).toEqual([
      expect.stringContaining(message),
    ]);
    const problem = { name: "ui", reason: expect.stringContaining(message) };
    await catalog.reload();
    expect(catalog.problems()).toEqual([problem]);
    expect(catalog.unusable("ui")).toEqual(problem);
    catalog.convert("ui", CORE);
    expect(catalog.problems()).toEqual([]);
  });

  it("keeps the conversion when other files change, and does it anew when the file does", async () => {
    const { catalog, directory, write } = await catalogOf({
      "ui.json": GRAPH,
      "a.json": IMAGE_PROMPT,
    });
    const workflow = catalog.convert("ui", CORE);
    await write("a.yaml", "title: Other");
    await catalog.reload();
    expect(catalog.find("ui")).toBe(workflow);
    await write("ui.json", `${await readFile(join(directory, "ui.json"), "utf8")} `);
    await catalog.reload();
    expect(catalog.unusable("ui")?.reason).toContain("waits for a server");
  });

  it("reports a graph that no server could help with at once", async () => {
    const endless = { id: "x", name: "Endless", nodes: [node(1, "x")], links: [] };
    const broken = graph([node(5, "x")], [], { definitions: { subgraphs: [endless] } });
    const { catalog } = await catalogOf({ "ui.json": broken });
    expect(catalog.graphs()).toEqual([]);
    expect(catalog.problems()).toEqual([
      { name: "ui", reason: 'Cannot use workflow "ui": subgraph "Endless" contains itself' },
    ]);
  });

  it("refuses to convert a workflow that does not exist", async () => {
    const { catalog } = await catalogOf({});
    expect(() => catalog.convert("none", CORE)).toThrow('Unknown workflow "none"');
    expect(catalog.problems()).toEqual([]);
  });
});
