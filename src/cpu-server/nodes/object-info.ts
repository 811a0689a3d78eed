import type { Json, JsonObject } from "../json.js";
import type { NodeClass, NodeInputs } from "./node-class.js";

/** The description of a class in `GET /object_info`. */
export async function objectInfo(nodeClass: NodeClass): Promise<JsonObject> {
  const { required, optional, hidden = {} } = await nodeClass.inputs();
  const isNewForm = nodeClass.module !== "nodes" && nodeClass.isOlderForm === undefined;
  const input: JsonObject = { required: isNewForm ? { ...required } : shortSpecs(required) };
  if (optional !== undefined) input["optional"] = { ...optional };
  const hiddenTypes = Object.entries(hidden).map(([name, type]) => [
    name,
    isNewForm ? [type] : type,
  ]);
  if (hiddenTypes.length > 0) input["hidden"] = Object.fromEntries(hiddenTypes) as JsonObject;
  const order = Object.entries(input).map(([group, inputs]) => [group, Object.keys(inputs ?? {})]);
  return {
    input,
    input_order: Object.fromEntries(order) as Json,
    output: [...nodeClass.outputs],
    output_is_list: nodeClass.outputs.map(() => false),
    output_name: [...(nodeClass.outputNames ?? nodeClass.outputs)],
    ...(isNewForm ? { output_tooltips: nodeClass.outputs.map(() => null) } : {}),
    name: nodeClass.name,
    display_name: nodeClass.displayName,
    description: nodeClass.description ?? "",
    python_module: nodeClass.module,
    category: nodeClass.category,
    output_node: nodeClass.isOutputNode,
    ...(isNewForm ? { deprecated: false, experimental: false, api_node: false } : {}),
  };
}

/** The older form leaves out empty options: `["IMAGE"]`. */
function shortSpecs(inputs: NodeInputs["required"]): JsonObject {
  const specs = Object.entries(inputs).map(([name, [type, options]]): [string, Json] => [
    name,
    Object.keys(options).length === 0 ? [type] : [type, options],
  ]);
  return Object.fromEntries(specs);
}
