import { isJsonObject, type Json } from "../json.js";
import { PythonError, pythonStr, pythonType } from "../python-text.js";

/**
 * Converts a literal to an input's type as Python does: `"40"` and 40.9 become the INT 40,
 * `"false"` becomes the BOOLEAN true. Values of other types are returned unchanged.
 *
 * @throws PythonError ValueError or TypeError, with Python's text.
 */
export function castValue(type: unknown, value: Json): Json {
  switch (type) {
    case "INT":
      return toInt(value);
    case "FLOAT":
      return toFloat(value);
    case "STRING":
      return pythonStr(value);
    case "BOOLEAN":
      return isTruthy(value);
    default:
      return value;
  }
}

function toInt(value: Json): number {
  if (typeof value === "string" && !/^\s*[+-]?\d+\s*$/.test(value)) {
    throw new PythonError("ValueError", `invalid literal for int() with base 10: '${value}'`);
  }
  return Math.trunc(toNumber(value, "int"));
}

function toFloat(value: Json): number {
  if (typeof value === "string" && (value.trim() === "" || Number.isNaN(Number(value)))) {
    throw new PythonError("ValueError", `could not convert string to float: '${value}'`);
  }
  return toNumber(value, "float");
}

function toNumber(value: Json, target: string): number {
  if (value === null || typeof value === "object") {
    const message = `${target}() argument must be a string or a real number, not '${pythonType(value)}'`;
    throw new PythonError("TypeError", message);
  }
  return Number(value);
}

function isTruthy(value: Json): boolean {
  if (Array.isArray(value)) return value.length > 0;
  if (isJsonObject(value)) return Object.keys(value).length > 0;
  return Boolean(value);
}
