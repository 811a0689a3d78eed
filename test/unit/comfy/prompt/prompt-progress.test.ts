import { describe, expect, test } from "vitest";
import type { NodeProgress, PromptEvent } from "../../../../src/comfy/events/comfy-event.js";
import { PromptProgress } from "../../../../src/comfy/prompt/prompt-progress.js";

const prompt = {
  "1": { class_type: "LoadImage", inputs: {} },
  "2": { class_type: "UpscaleModelLoader", inputs: {} },
  "3": { class_type: "ImageUpscaleWithModel", inputs: {}, _meta: { title: "Upscale" } },
  "4": { class_type: "SaveImage", inputs: {} },
};

function node(value: number, max: number, isFinished = false, displayNodeId = ""): NodeProgress {
  return { value, max, isFinished, displayNodeId };
}

function state(nodes: { [id: string]: NodeProgress }): PromptEvent {
  const entries = Object.entries(nodes).map(
    ([id, one]) => [id, { ...one, displayNodeId: one.displayNodeId || id }] as const,
  );
  return { type: "progress_state", nodes: new Map(entries) };
}

function updateAfter(progress: PromptProgress, ...events: PromptEvent[]) {
  for (const event of events) progress.apply(event);
  return progress.update;
}

describe("PromptProgress", () => {
  test("lets the network dominate and tells its title and step", () => {
    const update = updateAfter(
      new PromptProgress(prompt),
      state({ "1": node(1, 1, true), "2": node(1, 1, true) }),
      state({ "1": node(1, 1, true), "2": node(1, 1, true), "3": node(5, 10) }),
    );
    expect(update.ratio).toBeCloseTo(52 / 103);
    expect(update).toMatchObject({ runningNode: "Upscale", step: { value: 5, max: 10 } });
  });

  test("takes the weights it is given", () => {
    const progress = new PromptProgress(prompt, { "1": 1, "2": 1, "3": 1, "4": 1 });
    expect(updateAfter(progress, { type: "executed", nodeId: "1", output: null }).ratio).toBe(0.25);
  });

  test("counts cached nodes as done", () => {
    const event: PromptEvent = { type: "execution_cached", nodeIds: ["1", "2", "3", "4"] };
    expect(updateAfter(new PromptProgress(prompt), event).ratio).toBe(1);
  });

  test("never falls when a node counts anew", () => {
    const progress = new PromptProgress(prompt);
    const before = updateAfter(progress, {
      type: "progress",
      nodeId: "3",
      value: 8,
      max: 10,
    }).ratio;
    const update = updateAfter(progress, { type: "progress", nodeId: "3", value: 1, max: 40 });
    expect(update.ratio).toBe(before);
    expect(update.step).toEqual({ value: 1, max: 40 });
  });

  test("never falls where nodes run once for each chunk of a film, and rises when they are done", () => {
    const progress = new PromptProgress(prompt, { "1": 1, "2": 1, "3": 1, "4": 1 });
    const chunk = (value: number): PromptEvent[] => [
      { type: "executing", nodeId: "3" },
      state({ "2": node(1, 1, true), "3": node(value, 1) }),
      { type: "progress", nodeId: "3", value, max: 1 },
    ];
    const events = [chunk(0), chunk(1), chunk(0), chunk(1), chunk(0)].flat();
    const ratios = events.map((event) => updateAfter(progress, event).ratio);
    expect(ratios).toEqual(ratios.toSorted((a, b) => a - b));
    const last = updateAfter(progress, state({ "3": node(1, 1, true), "4": node(1, 1, true) }));
    expect(last.ratio).toBe(0.75);
  });

  test("does without progress_state, which older servers do not send", () => {
    const progress = new PromptProgress(prompt, { "1": 1, "2": 1, "3": 1, "4": 1 });
    const events: PromptEvent[] = [
      { type: "execution_start" },
      { type: "executing", nodeId: "1" },
      { type: "executing", nodeId: "3" },
      { type: "progress", nodeId: undefined, value: 1, max: 2 },
    ];
    expect(updateAfter(progress, ...events).ratio).toBe(0.375);
  });

  test("does not end a node because another begins beside it, where progress_state tells", () => {
    const progress = new PromptProgress(prompt, { "1": 1, "2": 1, "3": 1, "4": 1 });
    const both = state({ "1": node(0, 1), "2": node(0, 1) });
    expect(updateAfter(progress, both, both).ratio).toBe(0);
  });

  test("shows the node that stands for one made while running, and counts no foreign ids", () => {
    const update = updateAfter(
      new PromptProgress(prompt),
      state({ "3.0.7": node(9, 10, false, "3") }),
    );
    expect(update).toEqual({ ratio: 0, runningNode: "Upscale" });
  });

  test("is complete with the success, whatever was missed", () => {
    expect(updateAfter(new PromptProgress(prompt), { type: "execution_success" })).toEqual({
      ratio: 1,
    });
  });

  test("tells whether anything changed", () => {
    const progress = new PromptProgress(prompt);
    const step: PromptEvent = { type: "progress", nodeId: "3", value: 1, max: 10 };
    expect([progress.apply(step), progress.apply(step)]).toEqual([true, false]);
  });

  test("stays at nothing for nonsense", () => {
    const nonsense = [
      { type: "progress", nodeId: "3", value: -5, max: 10 },
      { type: "progress", nodeId: "3", value: 1, max: 0 },
      { type: "progress", nodeId: "nobody", value: 1, max: 1 },
    ] as const;
    expect(updateAfter(new PromptProgress(prompt), ...nonsense).ratio).toBe(0);
    const tooMuch = { type: "progress", nodeId: "3", value: 99, max: 10 } as const;
    expect(updateAfter(new PromptProgress(prompt), tooMuch).ratio).toBeLessThan(1);
  });

  test("stays at nothing for a prompt it does not know", () => {
    const progress = new PromptProgress({});
    expect(updateAfter(progress, { type: "executing", nodeId: "3" })).toEqual({ ratio: 0 });
  });
});
