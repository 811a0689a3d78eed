import type { JsonValue } from "@bufbuild/protobuf";
import { useTexts } from "../use-model.js";
import { useFieldProblem } from "./field-problem.js";
import type { Parameter } from "./parameter-schema.js";

interface ParameterFieldProps {
  readonly parameter: Parameter;
  /** Undefined: not set, the workflow's own value holds. */
  readonly value: JsonValue | undefined;
  readonly onChange: (value: JsonValue | undefined) => void;
}

/** One parameter of a workflow. */
export function ParameterField({ parameter, value, onChange }: ParameterFieldProps) {
  const { t } = useTexts();
  const problem = useFieldProblem(`parameters.${parameter.name}`);
  const { name, description, minimum, maximum } = parameter;
  const range =
    minimum !== undefined && maximum !== undefined && parameter.options.length === 0
      ? t("submit.range", { from: minimum, to: maximum })
      : "";
  return (
    <div class="field">
      <label class="mono" for={`parameter-${name}`}>
        {name}
      </label>
      <Control parameter={parameter} value={value} onChange={onChange} />
      <span class="muted">
        {description} {range}
      </span>
      {problem && <span class="field-problem">{problem}</span>}
    </div>
  );
}

function Control({ parameter, value, onChange }: ParameterFieldProps) {
  const { t } = useTexts();
  const { type, options, fallback, minimum, maximum, name } = parameter;
  const unset =
    fallback === undefined
      ? t(name === "seed" ? "submit.random" : "submit.unset")
      : String(fallback);
  const id = `parameter-${name}`;
  if (type === "boolean" || options.length > 0) {
    const choices = options.length > 0 ? options : [true, false];
    return (
      <select
        id={id}
        value={value === undefined ? "" : JSON.stringify(value)}
        onChange={({ currentTarget }) =>
          onChange(currentTarget.value === "" ? undefined : JSON.parse(currentTarget.value))
        }
      >
        <option value="">{unset}</option>
        {choices.map((each) => (
          <option key={String(each)} value={JSON.stringify(each)}>
            {String(each)}
          </option>
        ))}
      </select>
    );
  }
  const shown = { id, placeholder: unset, value: value === undefined ? "" : String(value) };
  if (type === "string")
    return (
      <input
        {...shown}
        type="text"
        onChange={({ currentTarget }) => onChange(currentTarget.value || undefined)}
      />
    );
  return (
    <input
      {...shown}
      type="number"
      min={minimum}
      max={maximum}
      step={type === "integer" ? 1 : "any"}
      onChange={({ currentTarget: { value: text, valueAsNumber } }) =>
        onChange(text === "" ? undefined : valueAsNumber)
      }
    />
  );
}
