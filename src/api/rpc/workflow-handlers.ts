import type { JsonObject, MessageInitShape } from "@bufbuild/protobuf";
import type { ServiceImpl } from "@connectrpc/connect";
import {
  ParameterType,
  type WorkflowParameterSchema,
  type WorkflowService as WorkflowProto,
  type WorkflowSchema,
} from "../../gen/tmlsr/v1/workflow_service_pb.js";
import type { WorkflowService, WorkflowView } from "../../service/workflow-service.js";
import { TASK_TYPE, toProtoValue } from "./task-mapper.js";

/** The use cases behind tmlsr.v1.WorkflowService. */
export type Workflows = Pick<WorkflowService, "list" | "get">;

/** The handlers of tmlsr.v1.WorkflowService. */
export function createWorkflowHandlers(workflows: Workflows): ServiceImpl<typeof WorkflowProto> {
  return {
    listWorkflows: () => ({ workflows: workflows.list().map(toProtoWorkflow) }),
    getWorkflow: ({ name }) => ({ workflow: toProtoWorkflow(workflows.get(name)) }),
  };
}

type Parameter = WorkflowView["workflow"]["parameters"][number];

const PARAMETER_TYPE: Readonly<Record<Parameter["type"], ParameterType>> = {
  integer: ParameterType.INTEGER,
  number: ParameterType.NUMBER,
  string: ParameterType.STRING,
  boolean: ParameterType.BOOLEAN,
};

function toProtoWorkflow(view: WorkflowView): MessageInitShape<typeof WorkflowSchema> {
  const { workflow, isRunnable, servers } = view;
  return {
    name: workflow.name,
    title: workflow.title,
    description: workflow.description,
    type: TASK_TYPE[workflow.type],
    version: workflow.version,
    inputNode: workflow.inputNode,
    inputField: workflow.inputField,
    resultNode: workflow.resultNode,
    parameters: workflow.parameters.map(toProtoParameter),
    nodeClasses: [...workflow.nodeClasses],
    models: workflow.models.map(({ value }) => value),
    runnable: isRunnable,
    servers: [...servers],
    inferred: [...workflow.inferred],
    variants: (workflow.variants ?? []).map(({ name }) => name),
    parametersSchema: view.parametersSchema as JsonObject,
  };
}

function toProtoParameter(parameter: Parameter): MessageInitShape<typeof WorkflowParameterSchema> {
  return {
    name: parameter.name,
    type: PARAMETER_TYPE[parameter.type],
    description: parameter.description,
    default: toProtoValue(parameter.default),
    minimum: parameter.minimum,
    maximum: parameter.maximum,
    options: (parameter.options ?? []).flatMap((option) => toProtoValue(option) ?? []),
    node: parameter.node ?? "",
    input: parameter.input ?? "",
    optional: parameter.optional ?? false,
  };
}
