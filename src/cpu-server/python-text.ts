import { isJsonObject, type Json } from "./json.js";

/** An error with the name that ComfyUI, a Python program, would send. */
export class PythonError extends Error {
  override readonly name = "PythonError";
  /** The `exception_type` that is sent, such as `ValueError` or `torch.OutOfMemoryError`. */
  readonly exceptionType: string;

  constructor(exceptionType: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exceptionType = exceptionType;
  }
}

/** The name and traceback that are sent for any thrown value. */
export function describeThrown(thrown: unknown): {
  exceptionType: string;
  message: string;
  traceback: string[];
} {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  return {
    exceptionType: error instanceof PythonError ? error.exceptionType : error.name,
    message: error.message,
    traceback: (error.stack ?? "").split("\n").slice(1),
  };
}

/**
 * Python's `str()`. ComfyUI uses it for values in its messages, and to make a prompt id from any
 * value.
 */
export function pythonStr(value: Json): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** Python's `repr()`, close enough for messages. */
export function pythonRepr(value: Json): string {
  if (value === null) return "None";
  if (typeof value === "boolean") return value ? "True" : "False";
  if (typeof value === "number") return String(value);
  if (typeof value === "string") return `'${value}'`;
  if (isJsonObject(value)) {
    const items = Object.entries(value).map(([key, item]) => `'${key}': ${pythonRepr(item)}`);
    return `{${items.join(", ")}}`;
  }
  return `[${value.map(pythonRepr).join(", ")}]`;
}

/** Python's name for a value's type. */
export function pythonType(value: Json): string {
  if (value === null) return "NoneType";
  if (typeof value === "boolean") return "bool";
  if (typeof value === "number") return Number.isInteger(value) ? "int" : "float";
  if (typeof value === "string") return "str";
  return isJsonObject(value) ? "dict" : "list";
}
