import { isJsonObject, type Json } from "./json.js";

/** An error with the name that ComfyUI, a Python program, would give it on the wire. */
export class PythonError extends Error {
  override readonly name = "PythonError";
  /** The wire's `exception_type`, such as `ValueError` or `torch.OutOfMemoryError`. */
  readonly exceptionType: string;

  constructor(exceptionType: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.exceptionType = exceptionType;
  }
}

/** The wire's name and traceback of anything thrown. */
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

/** Python's `str()`: ComfyUI puts values into its messages with it, and makes prompt ids of anything. */
export function pythonStr(value: Json): string {
  return typeof value === "string" ? value : pythonRepr(value);
}

/** Python's `repr()`, near enough for messages. */
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
