import { type Path, pathToString } from "@bufbuild/protobuf/reflect";
import type { Violation as RuleViolation, ValidationError } from "@bufbuild/protovalidate";
import type { Violation } from "../../domain/errors.js";
import { fieldExpectation } from "./field-expectation.js";

/** What the validator found, with fields by their names in the proto and messages that name them. */
export function toViolations({ violations }: ValidationError): Violation[] {
  return violations.map((violation) => {
    const field = pathToString(violation.field);
    const text = plainWords(violation) ?? violation.message;
    // The validator's own rules say "must ..." or "value must ...", and not of what.
    const message = text.startsWith(field) ? text : `${field} ${text.replace(/^value /, "")}`;
    return { field, message };
  });
}

/** For rules whose own messages speak of numbers of enums and of regular expressions. */
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
