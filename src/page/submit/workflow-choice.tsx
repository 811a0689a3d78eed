import type { JsonValue } from "@bufbuild/protobuf";
import type { Signal } from "@preact/signals";
import { TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import type { Workflow } from "../../client/gen/tmlsr/v1/workflow_service_pb.js";
import { useModel, useTexts } from "../use-model.js";
import { useFieldProblem } from "./field-problem.js";
import { ParameterField } from "./parameter-field.js";
import { readSchema } from "./parameter-schema.js";
import type { Choice, Wishes } from "./submission.js";

interface WorkflowChoiceProps {
  readonly type: TaskType;
  readonly wishes: Signal<Wishes>;
}

/** Which workflow the inputs of a type get, and the values of its parameters. */
export function WorkflowChoice({ type, wishes }: WorkflowChoiceProps) {
  const { workflows } = useModel();
  const { t } = useTexts();
  const side = type === TaskType.IMAGE ? "image" : "video";
  const problem = useFieldProblem("workflow");
  const all = (workflows.value.value ?? []).filter((workflow) => workflow.type === type);
  const choice = wishes.value[side];
  const chosen = all.find(({ name }) => name === choice.workflow);
  const choose = (next: Choice): void => {
    wishes.value = { ...wishes.value, [side]: next };
  };
  return (
    <fieldset class="workflow-choice">
      <legend>{t(side === "image" ? "submit.workflowImage" : "submit.workflowVideo")}</legend>
      <select
        aria-label={t(side === "image" ? "submit.workflowImage" : "submit.workflowVideo")}
        value={choice.workflow}
        aria-invalid={problem !== undefined}
        onChange={({ currentTarget }) => choose({ workflow: currentTarget.value, parameters: {} })}
      >
        <option value="">{t("submit.automatic")}</option>
        {byRunnable(all).map(({ name, title, runnable }) => (
          <option key={name} value={name}>
            {title || name}
            {!runnable && ` — ${t("submit.notRunnable")}`}
          </option>
        ))}
      </select>
      {problem && <p class="field-problem">{problem}</p>}
      {chosen && <p class="muted">{chosen.description}</p>}
      {chosen && <Parameters workflow={chosen} choice={choice} onChange={choose} />}
    </fieldset>
  );
}

function byRunnable(workflows: readonly Workflow[]): readonly Workflow[] {
  return workflows.toSorted((a, b) => Number(b.runnable) - Number(a.runnable));
}

interface ParametersProps {
  readonly workflow: Workflow;
  readonly choice: Choice;
  readonly onChange: (choice: Choice) => void;
}

function Parameters({ workflow, choice, onChange }: ParametersProps) {
  const set = (name: string, value: JsonValue | undefined): void => {
    const { [name]: _before, ...others } = choice.parameters;
    const parameters = value === undefined ? others : { ...others, [name]: value };
    onChange({ workflow: workflow.name, parameters });
  };
  return (
    <div class="fields">
      {readSchema(workflow.parametersSchema).map((parameter) => (
        <ParameterField
          key={`${workflow.name} ${parameter.name}`}
          parameter={parameter}
          value={choice.parameters[parameter.name]}
          onChange={(value) => set(parameter.name, value)}
        />
      ))}
    </div>
  );
}
