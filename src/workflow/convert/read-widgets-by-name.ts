import type { NodeInfo } from "../../comfy/node-info.js";
import type { Json } from "../../domain/task.js";
import { inputSpec, ownValue } from "../node-info.js";
import { Unconvertible } from "./unconvertible.js";
import { defaultValue, isWidget, type NamedSpec, orderedInputs } from "./widget-spec.js";

type NamedValues = { readonly [name: string]: Json };

/**
 * Reads values saved by name, as VideoHelperSuite does. Buttons and previews are no inputs and are
 * left out. Names from older versions are replaced by those of today.
 */
export function readWidgetsByName(saved: NamedValues, info: NodeInfo): ReadonlyMap<string, Json> {
  const values = renameOld(saved, info);
  const required = widgetsOf(info, "required");
  const widgets = [...required, ...widgetsOf(info, "optional")].map(([name]) => name);
  const names = new Set([...widgets, ...formatWidgets(values, info)]);
  const given = Object.entries(values).filter(([name, value]) => names.has(name) && value !== null);
  // A server itself fills in inputs that it does not require.
  return new Map([...required.flatMap(withDefault), ...given]);
}

function widgetsOf(info: NodeInfo, section: "required" | "optional"): readonly NamedSpec[] {
  return orderedInputs(info, section).filter(([, spec]) => isWidget(spec));
}

function withDefault([name, spec]: NamedSpec): readonly (readonly [string, Json])[] {
  const value = defaultValue(spec);
  return value === undefined ? [] : [[name, value]];
}

/**
 * The names of the widgets that the chosen format adds. The server lists them in the `formats`
 * option.
 */
function formatWidgets(values: NamedValues, info: NodeInfo): readonly string[] {
  return Object.entries({ ...info.input.required, ...info.input.optional }).flatMap(
    ([name, [, options]]) => {
      const formats = options?.["formats"] as { readonly [format: string]: unknown } | undefined;
      const widgets = ownValue(formats, String(ownValue(values, name)));
      if (!Array.isArray(widgets)) return [];
      return widgets.flatMap((widget) =>
        Array.isArray(widget) && typeof widget[0] === "string" ? [widget[0]] : [],
      );
    },
  );
}

function renameOld(saved: NamedValues, info: NodeInfo): NamedValues {
  const isOld = (name: string) =>
    ownValue(saved, name) !== undefined && inputSpec(info, name) === undefined;
  let values = saved;
  if (isOld("save_image")) values = { save_output: saved["save_image"] ?? true, ...values };
  if (isOld("force_size")) values = { ...values, ...customSize(saved) };
  return values;
}

/**
 * Replaces `force_size`, once a choice of sizes with `?` for a side that keeps the ratio. Today 0
 * stands for that.
 */
function customSize(saved: NamedValues): NamedValues {
  const choice = String(saved["force_size"]);
  const width = saved["custom_width"] ?? 0;
  const height = saved["custom_height"] ?? 0;
  const [, fixedWidth, fixedHeight] = /^(\d+|\?)x(\d+|\?)$/.exec(choice) ?? [];
  if (fixedWidth !== undefined && fixedHeight !== undefined) {
    return { custom_width: Number(fixedWidth) || 0, custom_height: Number(fixedHeight) || 0 };
  }
  switch (choice) {
    case "Disabled":
      return { custom_width: 0, custom_height: 0 };
    case "Custom Width":
      return { custom_width: width, custom_height: 0 };
    case "Custom Height":
      return { custom_width: 0, custom_height: height };
    case "Custom":
      return { custom_width: width, custom_height: height };
    default:
      throw new Unconvertible(`has the size "${choice}", which this server does not know`);
  }
}
