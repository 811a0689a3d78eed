import { pathToString } from "@bufbuild/protobuf/reflect";
import type { ValidationError } from "@bufbuild/protovalidate";
import type { Violation } from "../domain/errors.js";

/** What the validator found, with fields by their names in the proto and messages that name them. */
export function toViolations({ violations }: ValidationError): Violation[] {
  return violations.map(({ field: path, message: text }) => {
    const field = pathToString(path);
    // The validator's own rules say "must ..." or "value must ...", and not of what.
    const message = text.startsWith(field) ? text : `${field} ${text.replace(/^value /, "")}`;
    return { field, message };
  });
}
