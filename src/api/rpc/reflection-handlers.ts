import {
  create,
  type DescFile,
  type DescMessage,
  fromBinary,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import { Code, type ServiceImpl } from "@connectrpc/connect";
import {
  type ServerReflection,
  type ServerReflectionRequest,
  ServerReflectionRequestSchema,
  type ServerReflectionResponse,
  ServerReflectionResponseSchema,
} from "../../gen/grpc/reflection/v1/reflection_pb.js";
import {
  ServerReflectionRequestSchema as AlphaRequestSchema,
  ServerReflectionResponseSchema as AlphaResponseSchema,
  type ServerReflection as AlphaServerReflection,
} from "../../gen/grpc/reflection/v1alpha/reflection_pb.js";
import { abortable } from "../calls/abortable.js";
import { type DescriptorIndex, encodeFile } from "./descriptor-index.js";

/** The services that reflection describes. */
export interface ReflectionSource {
  /** Full names of the services that can be called. */
  readonly serviceNames: readonly string[];
  /** The files of those services. */
  readonly index: DescriptorIndex;
}

/** grpc.reflection.v1: tells tools such as grpcurl and `buf curl` which methods can be called. */
export function createReflectionHandlers(
  source: ReflectionSource,
): ServiceImpl<typeof ServerReflection> {
  return {
    serverReflectionInfo: (requests, { signal }) => reflect(requests, source, signal),
  };
}

/** grpc.reflection.v1alpha: the same messages under an older name, for older tools. */
export function createAlphaReflectionHandlers(
  source: ReflectionSource,
): ServiceImpl<typeof AlphaServerReflection> {
  return {
    serverReflectionInfo(requests, { signal }) {
      const translated = translate(requests, AlphaRequestSchema, ServerReflectionRequestSchema);
      const responses = reflect(translated, source, signal);
      return translate(responses, ServerReflectionResponseSchema, AlphaResponseSchema);
    },
  };
}

type Answer = NonNullable<
  MessageInitShape<typeof ServerReflectionResponseSchema>["messageResponse"]
>;

async function* reflect(
  requests: AsyncIterable<ServerReflectionRequest>,
  source: ReflectionSource,
  signal: AbortSignal,
): AsyncGenerator<ServerReflectionResponse> {
  const sent = new Set<DescFile>();
  for await (const request of abortable(requests, signal)) {
    const messageResponse = answer(request.messageRequest, source, sent);
    const response = { validHost: request.host, originalRequest: request, messageResponse };
    yield create(ServerReflectionResponseSchema, response);
  }
}

function answer(
  question: ServerReflectionRequest["messageRequest"],
  { serviceNames, index }: ReflectionSource,
  sent: Set<DescFile>,
): Answer {
  switch (question.case) {
    case "listServices":
      return {
        case: "listServicesResponse",
        value: { service: serviceNames.map((name) => ({ name })) },
      };
    case "fileByFilename":
      return fileAnswer(index.fileNamed(question.value), sent);
    case "fileContainingSymbol":
      return fileAnswer(index.fileOfSymbol(question.value), sent);
    case "fileContainingExtension": {
      const { containingType, extensionNumber } = question.value;
      return fileAnswer(index.fileOfExtension(containingType, extensionNumber), sent);
    }
    case "allExtensionNumbersOfType": {
      const extensionNumber = index.extensionNumbers(question.value);
      if (index.fileOfSymbol(question.value) === undefined) return refusal(Code.NotFound);
      const value = { baseTypeName: question.value, extensionNumber };
      return { case: "allExtensionNumbersResponse", value };
    }
    case undefined:
      return refusal(Code.InvalidArgument);
  }
}

/** The file and all its imports, without the files that this stream's client already has. */
function fileAnswer(file: DescFile | undefined, sent: Set<DescFile>): Answer {
  if (file === undefined) return refusal(Code.NotFound);
  const news = new Set<DescFile>();
  const collect = (each: DescFile): void => {
    if (news.has(each) || (sent.has(each) && each !== file)) return;
    news.add(each);
    sent.add(each);
    for (const dependency of each.dependencies) collect(dependency);
  };
  collect(file);
  return {
    case: "fileDescriptorResponse",
    value: { fileDescriptorProto: Array.from(news, encodeFile) },
  };
}

function refusal(code: Code): Answer {
  return { case: "errorResponse", value: { errorCode: code, errorMessage: Code[code] } };
}

/** Converts messages to another type that has the same fields. */
async function* translate<From extends DescMessage, To extends DescMessage>(
  messages: AsyncIterable<MessageShape<From>>,
  from: From,
  to: To,
): AsyncGenerator<MessageShape<To>> {
  for await (const message of messages) yield fromBinary(to, toBinary(from, message));
}
