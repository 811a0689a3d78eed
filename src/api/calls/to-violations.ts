import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import type { Violation as RuleViolation, ValidationError } from "@bufbuild/protovalidate";
import type { Violation } from "../../domain/errors.js";
import { fieldExpectation } from "./field-expectation.js";

/**
 * Turns the validator's result into violations. Fields have their names in the proto, and each
 * message names its field.
 */
export function toViolations({ violations }: ValidationError): Violation[] {
  return violations.map((violation) => {
    const field = pathToString(violation.field);
    const text = plainWords(violation) ?? violation.message;
    // The validator's own rules say "must ..." or "value must ..." without the field's name.
    const message = text.startsWith(field) ? text : `${field} ${text.replace(/^value /, "")}`;
    return { field, message };
  });
}

/** Plain messages for rules whose own messages contain enum numbers or regular expressions. */
function plainWords({ field: path, ruleId }: RuleViolation): string | undefined {
  const field = lastField(path);
  if (field?.enum !== undefined) return fieldExpectation(field, null);
  if (ruleId !== "string.pattern") return undefined;
  return field?.name === "cursor"
    ? 'must be empty or the "cursor" of a message that came before'
    : undefined;
}

function lastField(path: Path) {
  const last = path.at(-1);
  return last?.kind === "field" ? last : undefined;
}
