import type { Json } from "../json.js";
import type { InputSpec } from "../nodes/node-class.js";
import { pythonRepr, pythonStr } from "../python-text.js";
import type { Reason } from "./reason.js";

/** The problems of a number that is too small or too large. */
export function boundReasons(name: string, spec: InputSpec, value: Json): Reason[] {
  const { min, max } = spec[1];
  if (typeof value !== "number") return [];
  const extra = { input_name: name, input_config: spec, received_value: value };
  if (typeof min === "number" && value < min) {
    const message = `Value ${value} smaller than min of ${min}`;
    return [{ type: "value_smaller_than_min", message, details: name, extra_info: extra }];
  }
  if (typeof max === "number" && value > max) {
    const message = `Value ${value} bigger than max of ${max}`;
    return [{ type: "value_bigger_than_max", message, details: name, extra_info: extra }];
  }
  return [];
}

/**
 * Checks whether a value is a choice of its combo. ComfyUI 0.3.64 checks only the older form of
 * combo.
 */
export function comboReasons(
  name: string,
  spec: InputSpec,
  value: Json,
  isNewer: boolean,
): Reason[] {
  const listed = spec[0] === "COMBO" && isNewer ? spec[1]["options"] : spec[0];
  if (!Array.isArray(listed) || listed.includes(value)) return [];
  const isLong = listed.length > MAX_LISTED_COUNT;
  const list = isLong ? `(list of length ${listed.length})` : pythonRepr(listed);
  return [
    {
      type: "value_not_in_list",
      message: "Value not in list",
      details: `${name}: '${pythonStr(value)}' not in ${list}`,
      extra_info: {
        input_name: name,
        input_config: isLong ? null : spec,
        received_value: value,
      },
    },
  ];
}

const MAX_LISTED_COUNT = 20;
