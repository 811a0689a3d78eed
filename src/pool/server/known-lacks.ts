import type { ServerCapability } from "../../comfy/server-capability.js";
import type { Json } from "../../domain/task.js";
import { missingFor } from "../../workflow/check/missing-for.js";
import type { ParameterValues } from "../../workflow/resolve-parameters.js";
import type { Workflow, WorkflowParameter } from "../../workflow/workflow.js";

/** How many sets of values are remembered of one workflow; the oldest are judged anew. */
const MAX_REMEMBERED = 256;

/**
 * What a server lacks for workflows, judged once for each set of values, for as long as the server says
 * the same of itself. It is asked for every request, and for every task that waits whenever a server
 * changes; judging takes longer than storing the task.
 */
export class KnownLacks {
  readonly capability: ServerCapability;
  readonly #workflows = new WeakMap<Workflow, JudgedWorkflow>();

  constructor(capability: ServerCapability) {
    this.capability = capability;
  }

  /** A sentence for each thing that is missing; empty where the server can run the workflow. */
  of(workflow: Workflow, values: ParameterValues = {}): readonly string[] {
    const judged = this.#judged(workflow);
    const key = keyOf(values, judged.anyValue);
    const known = judged.lacks.get(key);
    if (known !== undefined) return known;
    const lacks = missingFor(workflow, this.capability, values);
    const [oldest] = judged.lacks.keys();
    if (oldest !== undefined && judged.lacks.size >= MAX_REMEMBERED) judged.lacks.delete(oldest);
    judged.lacks.set(key, lacks);
    return lacks;
  }

  /** Whether nothing is missing with the defaults, or with another option of one parameter. */
  isSuited(workflow: Workflow): boolean {
    const judged = this.#judged(workflow);
    judged.isSuited ??= [{}, ...optionsOf(workflow)].some(
      (values) => this.of(workflow, values).length === 0,
    );
    return judged.isSuited;
  }

  #judged(workflow: Workflow): JudgedWorkflow {
    const known = this.#workflows.get(workflow);
    if (known !== undefined) return known;
    const judged = this.#judge(workflow);
    this.#workflows.set(workflow, judged);
    return judged;
  }

  /** Seeds are new for each task. Where both ends of their range get the same verdict, all between do. */
  #judge(workflow: Workflow): JudgedWorkflow {
    const verdict = (name: string, value: Json): string =>
      JSON.stringify(missingFor(workflow, this.capability, { [name]: value }));
    const anyValue = workflow.parameters.filter(isRandom).filter(({ name, minimum, maximum }) => {
      return verdict(name, minimum) === verdict(name, maximum);
    });
    return { anyValue: new Set(anyValue.map(({ name }) => name)), lacks: new Map() };
  }
}

interface JudgedWorkflow {
  /** The parameters whose values decide nothing. */
  readonly anyValue: ReadonlySet<string>;
  readonly lacks: Map<string, readonly string[]>;
  isSuited?: boolean;
}

interface RandomParameter extends WorkflowParameter {
  readonly minimum: number;
  readonly maximum: number;
}

/** Whether a parameter without a given value gets a random whole number. */
function isRandom(parameter: WorkflowParameter): parameter is RandomParameter {
  const { default: usual, optional, options, choices, minimum, maximum } = parameter;
  const isFree = usual === undefined && !optional && options === undefined && choices === undefined;
  return isFree && minimum !== undefined && maximum !== undefined;
}

function optionsOf({ parameters }: Workflow): readonly ParameterValues[] {
  return parameters.flatMap(({ name, options = [] }) =>
    options.map((option) => ({ [name]: option })),
  );
}

function keyOf(values: ParameterValues, anyValue: ReadonlySet<string>): string {
  const entries = Object.entries(values);
  return JSON.stringify(
    entries.map(([name, value]) => (anyValue.has(name) ? name : [name, value])),
  );
}
