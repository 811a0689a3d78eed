import { useModel } from "../use-model.js";

/** What the service found wrong with a field, e.g. `parameters.seed`, of any input that it refused. */
export function useFieldProblem(field: string): string | undefined {
  const { submission } = useModel();
  for (const { state } of submission.entries.value) {
    const now = state.value;
    if (now.kind !== "failed") continue;
    for (const [name, message] of now.failure.fields)
      if (name === field || name.startsWith(`${field}[`)) return message;
  }
  return undefined;
}
