import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startCpuServer, type TestCpuServer } from "../../support/cpu-server.js";
import {
  getJson,
  type Loose,
  post,
  scalePrompt,
  smallPicture,
  untilHistory,
  upload,
  upscalePrompt,
} from "../../support/cpu-server-client.js";
import { eventually } from "../../support/eventually.js";

// Submitting, queue and history, in the bodies that ComfyUI 0.3.64 was seen to answer.

let server: TestCpuServer;
let url: string;

beforeAll(async () => {
  server = await startCpuServer({ switches: { simulate: { steps: 1000, stepMs: 20 } } });
  url = server.url;
  await upload(url, "a.png", await smallPicture());
});
afterAll(() => server[Symbol.asyncDispose]());

const submit = (prompt: Loose, rest: Loose = {}) => post(`${url}/prompt`, { prompt, ...rest });
const changed = (change: (prompt: Loose) => void): Loose => {
  const prompt = scalePrompt("a.png", "changed");
  change(prompt);
  return prompt;
};
const clearQueue = async (): Promise<void> => {
  await post(`${url}/queue`, { clear: true });
  await post(`${url}/interrupt`);
  await eventually(async () => (await getJson(`${url}/prompt`)).exec_info.queue_remaining === 0);
};

describe("POST /prompt refuses with 400", () => {
  const graphErrors: [string, Loose, Loose][] = [
    [
      "an unknown class",
      changed((prompt) => {
        prompt["2"].class_type = "NoSuchNode";
      }),
      {
        type: "invalid_prompt",
        message: "Cannot execute because node NoSuchNode does not exist.",
        details: "Node ID '#2'",
      },
    ],
    [
      "a node without a class",
      { nodes: [], links: [] },
      {
        type: "invalid_prompt",
        message: "Cannot execute because a node is missing the class_type property.",
        details: "Node ID '#nodes'",
      },
    ],
    [
      "a prompt without output nodes",
      { "1": scalePrompt("a.png", "x")["1"] },
      { type: "prompt_no_outputs", message: "Prompt has no outputs", details: "" },
    ],
  ];
  it.each(graphErrors)("%s", async (_what, prompt, error) => {
    const body = { error: { ...error, extra_info: {} }, node_errors: {} };
    expect(await submit(prompt)).toEqual({ status: 400, body });
  });

  it("a body without a prompt", async () => {
    const text = "No prompt provided";
    const error = { type: "no_prompt", message: text, details: text, extra_info: {} };
    const body = { error, node_errors: {} };
    expect(await post(`${url}/prompt`, {})).toEqual({ status: 400, body });
  });

  const widthConfig = ["INT", { default: 512, min: 0, max: 16384, step: 1 }];
  const inputErrors: [string, (prompt: Loose) => void, string, Loose][] = [
    [
      "a file that is not there",
      (prompt) => {
        prompt["1"].inputs.image = "nope.png";
      },
      "1",
      {
        type: "custom_validation_failed",
        message: "Custom validation failed for node",
        details: "image - Invalid image file: nope.png",
        extra_info: { input_name: "image" },
      },
    ],
    [
      "a file outside of the folders",
      (prompt) => {
        prompt["1"].inputs.image = "../../../../etc/hostname";
      },
      "1",
      { type: "custom_validation_failed" },
    ],
    [
      "a missing input",
      (prompt) => {
        prompt["2"].inputs.width = undefined;
      },
      "2",
      {
        type: "required_input_missing",
        message: "Required input is missing",
        details: "width",
        extra_info: { input_name: "width" },
      },
    ],
    [
      "too large a number",
      (prompt) => {
        prompt["2"].inputs.width = 999999;
      },
      "2",
      {
        type: "value_bigger_than_max",
        message: "Value 999999 bigger than max of 16384",
        details: "width",
        extra_info: { input_name: "width", input_config: widthConfig, received_value: 999999 },
      },
    ],
    [
      "too small a number",
      (prompt) => {
        prompt["2"].inputs.width = -1;
      },
      "2",
      { type: "value_smaller_than_min", message: "Value -1 smaller than min of 0" },
    ],
    [
      "a value that its combo does not list",
      (prompt) => {
        prompt["2"].inputs.upscale_method = "magic";
      },
      "2",
      {
        type: "value_not_in_list",
        details:
          "upscale_method: 'magic' not in ['nearest-exact', 'bilinear', 'area', 'bicubic', 'lanczos']",
      },
    ],
    [
      "text for a number",
      (prompt) => {
        prompt["2"].inputs.width = "wide";
      },
      "2",
      {
        type: "invalid_input_type",
        message: "Failed to convert an input value to a INT value",
        details: "width, wide, invalid literal for int() with base 10: 'wide'",
      },
    ],
    [
      "a link of the wrong type",
      (prompt) => {
        prompt["2"].inputs.image = ["1", 1];
      },
      "2",
      {
        type: "return_type_mismatch",
        message: "Return type mismatch between linked nodes",
        details: "image, received_type(MASK) mismatch input_type(IMAGE)",
      },
    ],
    [
      "a link that is no pair",
      (prompt) => {
        prompt["2"].inputs.image = ["1"];
      },
      "2",
      { type: "bad_linked_input", details: "image" },
    ],
    [
      "a link to nowhere",
      (prompt) => {
        prompt["2"].inputs.image = ["99", 0];
      },
      "2",
      { type: "exception_during_inner_validation", details: "'99'" },
    ],
    [
      "a slot that is not there",
      (prompt) => {
        prompt["2"].inputs.image = ["1", 7];
      },
      "2",
      { type: "exception_during_inner_validation", details: "tuple index out of range" },
    ],
    [
      "a node without inputs",
      (prompt) => {
        prompt["1"].inputs = undefined;
      },
      "1",
      { type: "exception_during_inner_validation", details: "'inputs'" },
    ],
  ];
  it.each(inputErrors)("%s", async (_what, change, node, reason) => {
    const { status, body } = await submit(changed(change));
    expect(status).toBe(400);
    expect(body.error).toEqual({
      type: "prompt_outputs_failed_validation",
      message: "Prompt outputs failed validation",
      details: "",
      extra_info: {},
    });
    const classType = node === "1" ? "LoadImage" : "ImageScale";
    expect(body.node_errors).toEqual({
      [node]: {
        errors: [expect.objectContaining(reason)],
        dependent_outputs: ["3"],
        class_type: classType,
      },
    });
  });

  it("a cycle, without a reason", async () => {
    const prompt = changed((cyclic) => {
      cyclic["2"].inputs.image = ["4", 0];
      cyclic["4"] = { ...cyclic["2"], inputs: { ...cyclic["2"].inputs, image: ["2", 0] } };
    });
    const { status, body } = await submit(prompt);
    expect({ status, errors: body.node_errors }).toEqual({ status: 400, errors: {} });
  });
});

describe("POST /prompt answers 500, in plain text,", () => {
  it.each([
    ["to no JSON", "{"],
    ["to an empty body", ""],
    ["to a prompt that is null", { prompt: null }],
    ["to a prompt that is a list", { prompt: [1] }],
    ["to a number that is none", { prompt: scalePrompt("a.png", "x"), number: "abc" }],
    ["to extra data that is null", { prompt: scalePrompt("a.png", "x"), extra_data: null }],
    ["to extra data that is a list", { prompt: scalePrompt("a.png", "x"), extra_data: [] }],
  ])("%s", async (_what, body) => {
    const sent = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(`${url}/prompt`, { method: "POST", body: sent });
    expect(response.status).toBe(500);
    expect(response.headers.get("content-type")).toMatch(/^text\/plain/);
    expect(await response.text()).toBe("500 Internal Server Error\n\nServer got itself in trouble");
  });
});

describe("POST /prompt accepts with 200", () => {
  it("any content type, unknown keys, and literals that can be converted", async () => {
    await server.set({ simulate: { steps: 1000, stepMs: 20 } });
    const holder = await submit(upscalePrompt("a.png", "holder"));
    const prompt = changed((odd) => {
      odd["2"].inputs.width = "40";
      odd["2"].inputs.height = 20.9;
      odd["2"].inputs.unknown_key = { a: 1 };
      odd["2"]._meta = { title: "mine" };
    });
    const { status, body } = await submit(prompt);
    expect(status).toBe(200);
    const { queue_pending } = await getJson(`${url}/queue`);
    expect(queue_pending).toHaveLength(1);
    const [number, id, graph, extra, outputs] = queue_pending[0];
    expect([number, id, extra, outputs]).toEqual([body.number, body.prompt_id, {}, ["3"]]);
    expect(graph["2"].inputs).toMatchObject({ width: 40, height: 20, unknown_key: { a: 1 } });
    await post(`${url}/interrupt`, { prompt_id: holder.body.prompt_id });
    await untilHistory(url, body.prompt_id);
  });

  it("a partly valid prompt, dropping the bad output", async () => {
    const prompt = changed((partly) => {
      partly["8"] = { class_type: "SaveImage", inputs: { images: ["1", 0] } };
    });
    const { status, body } = await submit(prompt);
    expect(status).toBe(200);
    expect(body.node_errors["8"].errors[0].type).toBe("required_input_missing");
    const entry = await untilHistory(url, body.prompt_id);
    expect(entry.status).toMatchObject({ status_str: "success", completed: true });
    expect(entry.prompt[4]).toEqual(["3"]);
  });

  it("any prompt id, and the same twice as two runs", async () => {
    expect((await submit(scalePrompt("a.png", "ids"), { prompt_id: null })).body.prompt_id).toBe(
      "None",
    );
    await submit(scalePrompt("a.png", "twice1"), { prompt_id: "twice" });
    await submit(scalePrompt("a.png", "twice2"), { prompt_id: "twice" });
    await eventually(async () => {
      const lines = (await server.log()).filter(({ promptId }) => promptId === "twice");
      return lines.filter(({ event }) => event === "ended").length === 2;
    });
  });

  it("names with folders and annotations", async () => {
    await upload(url, "b.png", await smallPicture(), { subfolder: "sub/dir" });
    await upload(url, "t.png", await smallPicture(), { type: "temp" });
    for (const image of ["sub/dir/b.png", "a.png [input]", "t.png [temp]"]) {
      const { body } = await submit(scalePrompt(image, "annotated"));
      expect((await untilHistory(url, body.prompt_id)).status.status_str).toBe("success");
    }
  });
});

describe("the queue", () => {
  it("runs by ascending number; front goes first; a refused prompt takes a number", async () => {
    const holder = await submit(upscalePrompt("a.png", "order"));
    const { number } = holder.body;
    await submit({ "1": { class_type: "Nope", inputs: {} } });
    const ids: Record<string, string> = {};
    const add = async (name: string, rest: Loose) => {
      const { body } = await submit(scalePrompt("a.png", `order-${name}`), rest);
      ids[body.prompt_id] = name;
      return body.number;
    };
    expect(await add("counted", {})).toBe(number + 2);
    expect(await add("front", { front: true })).toBe(-(number + 3));
    expect(await add("explicit", { number: 1.5 })).toBe(1.5);
    expect(await add("last", {})).toBe(number + 4);
    const { queue_running, queue_pending } = await getJson(`${url}/queue`);
    expect(queue_running[0][1]).toBe(holder.body.prompt_id);
    expect(ids[queue_pending[0][1]]).toBe("front");
    expect(queue_pending).toHaveLength(4);
    await post(`${url}/interrupt`, { prompt_id: holder.body.prompt_id });
    await Promise.all(Object.keys(ids).map((id) => untilHistory(url, id)));
    const started = (await server.log()).filter(
      ({ event, promptId }) => event === "started" && ids[promptId] !== undefined,
    );
    expect(started.map(({ promptId }) => ids[promptId])).toEqual([
      ...["front", "explicit", "counted", "last"],
    ]);
  });

  it("loses what is deleted or cleared without a trace", async () => {
    await submit(upscalePrompt("a.png", "clears"));
    const deleted = (await submit(scalePrompt("a.png", "d"))).body.prompt_id;
    const cleared = (await submit(scalePrompt("a.png", "c"))).body.prompt_id;
    await post(`${url}/queue`, { delete: ["unknown", deleted] });
    const { queue_pending } = await getJson(`${url}/queue`);
    expect(queue_pending.map((item: Loose) => item[1])).toEqual([cleared]);
    await clearQueue();
    expect(await getJson(`${url}/history/${deleted}`)).toEqual({});
    expect(await getJson(`${url}/history/${cleared}`)).toEqual({});
  });
});

describe("history", () => {
  it("lists the newest without an offset, and from the oldest with one; deletes and clears", async () => {
    await post(`${url}/history`, { clear: true });
    const ids: string[] = [];
    for (const name of ["h1", "h2", "h3"]) {
      const { body } = await submit(scalePrompt("a.png", name));
      await untilHistory(url, body.prompt_id);
      ids.push(body.prompt_id);
    }
    const list = async (query: string) => Object.keys(await getJson(`${url}/history${query}`));
    expect(await list("")).toEqual(ids);
    expect(await list("?max_items=1")).toEqual([ids[2]]);
    expect(await list("?max_items=2&offset=0")).toEqual([ids[0], ids[1]]);
    expect((await fetch(`${url}/history?max_items=x`)).status).toBe(500);
    expect((await post(`${url}/history`, { delete: [ids[1], "unknown"] })).status).toBe(200);
    expect(await list("")).toEqual([ids[0], ids[2]]);
    expect(await getJson(`${url}/history/${ids[1]}`)).toEqual({});
  });
});
