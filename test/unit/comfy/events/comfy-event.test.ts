import { expect, test } from "vitest";
import { parseEvent } from "../../../../src/comfy/events/comfy-event.js";

function parsed(type: string, data: object) {
  return parseEvent(JSON.stringify({ type, data }));
}

test("parseEvent() reads the queue's length, with and without a sid", () => {
  const status = { exec_info: { queue_remaining: 2 } };
  expect(parsed("status", { status, sid: "a" })).toEqual({
    promptId: undefined,
    queueRemaining: 2,
  });
});

test("parseEvent() reads the end of every prompt", () => {
  expect(parsed("executing", { node: null, prompt_id: "p" })).toEqual({
    promptId: "p",
    event: { type: "executing", nodeId: undefined },
  });
});

test("parseEvent() reads progress_state with nodes that a node made", () => {
  const node = (value: number, state: string, display_node_id: string) => ({
    value,
    max: 4,
    state,
    display_node_id,
    parent_node_id: null,
  });
  const nodes = { "2": node(4, "finished", "2"), "3.0.1": node(1, "running", "3") };
  const event = parsed("progress_state", { prompt_id: "p", nodes })?.promptId;
  expect(event).toBe("p");
  expect(parsed("progress_state", { prompt_id: "p", nodes })).toMatchObject({
    event: {
      nodes: new Map([
        ["2", { value: 4, max: 4, isFinished: true, displayNodeId: "2" }],
        ["3.0.1", { value: 1, max: 4, isFinished: false, displayNodeId: "3" }],
      ]),
    },
  });
});

test("parseEvent() passes over a blocked branch, which ends nothing", () => {
  const data = { prompt_id: "p", exception_type: "ExecutionBlocked" };
  expect(parsed("execution_error", data)).toBeUndefined();
});

test.each([
  ["no JSON", "hello"],
  ["a list", "[1,2]"],
  ["null", "null"],
  ["an unknown kind", '{"type":"logs","data":{"prompt_id":"p"}}'],
  ["an event that names no prompt", '{"type":"executing","data":{"node":"2"}}'],
  ["a status without a length", '{"type":"status","data":{}}'],
  ["a kind that is an object's own", '{"type":"constructor","data":{"prompt_id":"p"}}'],
])("parseEvent() passes over %s", (_, text) => {
  expect(parseEvent(text)).toBeUndefined();
});
