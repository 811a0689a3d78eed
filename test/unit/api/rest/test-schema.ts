import {
  create,
  createFileRegistry,
  type DescFile,
  type DescMessage,
  type DescService,
  type FileRegistry,
  fromJson,
  type JsonObject,
  setExtension,
} from "@bufbuild/protobuf";
import {
  FileDescriptorProtoSchema,
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
  MethodOptionsSchema,
} from "@bufbuild/protobuf/wkt";
import { http } from "../../../../src/gen/google/api/annotations_pb.js";
import { HttpRuleSchema } from "../../../../src/gen/google/api/http_pb.js";

/** An rpc of a test service: its name, its rule as in a proto file, and whether it streams. */
export interface TestRpc {
  readonly name: string;
  readonly http?: JsonObject;
  readonly clientStreaming?: boolean;
  readonly serverStreaming?: boolean;
  /** @default Everything */
  readonly input?: string;
  /** @default Everything */
  readonly output?: string;
}

/** The message with a field of every kind; named Everything. */
export function everything(): DescMessage {
  return find(testRegistry([]).getMessage("test.Everything"));
}

/** A service `test.Tests` with these rpcs. */
export function testService(rpcs: readonly TestRpc[]): DescService {
  return find(testRegistry(rpcs).getService("test.Tests"));
}

const REPEATED = "LABEL_REPEATED";

const WELL_KNOWN: readonly DescFile[] = [
  file_google_protobuf_duration,
  file_google_protobuf_field_mask,
  file_google_protobuf_struct,
  file_google_protobuf_timestamp,
  file_google_protobuf_wrappers,
];

function testRegistry(rpcs: readonly TestRpc[]): FileRegistry {
  const file = fromJson(FileDescriptorProtoSchema, {
    name: "test.proto",
    package: "test",
    syntax: "proto3",
    dependency: WELL_KNOWN.map(({ proto }) => proto.name),
    enumType: [
      {
        name: "Color",
        value: ["COLOR_UNSPECIFIED", "COLOR_RED", "COLOR_DARK_GREEN"].map((name, number) => ({
          name,
          number,
        })),
      },
    ],
    messageType: [EVERYTHING, { name: "Empty" }],
  });
  file.service = [
    fromJson(FileDescriptorProtoSchema, {
      service: [
        {
          name: "Tests",
          method: rpcs.map(({ name, input, output, clientStreaming, serverStreaming }) => ({
            name,
            inputType: `.test.${input ?? "Everything"}`,
            outputType: `.test.${output ?? "Everything"}`,
            clientStreaming: clientStreaming ?? false,
            serverStreaming: serverStreaming ?? false,
          })),
        },
      ],
    }).service[0]!,
  ];
  for (const [index, rpc] of rpcs.entries()) {
    if (rpc.http === undefined) continue;
    const options = create(MethodOptionsSchema);
    setExtension(options, http, fromJson(HttpRuleSchema, rpc.http));
    file.service[0]!.method[index]!.options = options;
  }
  return createFileRegistry(file, (name) => WELL_KNOWN.find(({ proto }) => proto.name === name));
}

const EVERYTHING: JsonObject = {
  name: "Everything",
  field: [
    field(1, "a_string", "TYPE_STRING"),
    field(2, "a_bool", "TYPE_BOOL"),
    field(3, "a_bytes", "TYPE_BYTES"),
    field(4, "a_double", "TYPE_DOUBLE"),
    field(5, "a_float", "TYPE_FLOAT"),
    field(6, "an_int32", "TYPE_INT32"),
    field(7, "a_uint32", "TYPE_UINT32"),
    field(8, "an_int64", "TYPE_INT64"),
    field(9, "a_uint64", "TYPE_UINT64"),
    field(10, "color", "TYPE_ENUM", { typeName: ".test.Color" }),
    field(11, "maybe_string", "TYPE_STRING", { proto3Optional: true, oneofIndex: 1 }),
    field(12, "maybe_int64", "TYPE_INT64", { proto3Optional: true, oneofIndex: 2 }),
    field(13, "maybe_color", "TYPE_ENUM", {
      typeName: ".test.Color",
      proto3Optional: true,
      oneofIndex: 3,
    }),
    field(14, "nested", "TYPE_MESSAGE", { typeName: ".test.Everything" }),
    field(15, "strings", "TYPE_STRING", { label: REPEATED }),
    field(16, "colors", "TYPE_ENUM", { typeName: ".test.Color", label: REPEATED }),
    field(17, "children", "TYPE_MESSAGE", { typeName: ".test.Everything", label: REPEATED }),
    map(18, "counts", "CountsEntry"),
    map(19, "by_name", "ByNameEntry"),
    field(20, "left", "TYPE_STRING", { oneofIndex: 0 }),
    field(21, "right", "TYPE_INT32", { oneofIndex: 0 }),
    wellKnown(22, "at", "Timestamp"),
    wellKnown(23, "took", "Duration"),
    wellKnown(24, "mask", "FieldMask"),
    wellKnown(25, "struct", "Struct"),
    wellKnown(26, "value", "Value"),
    wellKnown(27, "list_value", "ListValue"),
    wellKnown(28, "wrapped_bool", "BoolValue"),
    wellKnown(29, "wrapped_int64", "Int64Value"),
    wellKnown(30, "wrapped_string", "StringValue"),
    field(31, "values", "TYPE_MESSAGE", { typeName: ".google.protobuf.Value", label: REPEATED }),
    field(32, "cursor", "TYPE_STRING"),
    field(33, "bools", "TYPE_BOOL", { label: REPEATED }),
  ],
  oneofDecl: ["side", "_maybe_string", "_maybe_int64", "_maybe_color"].map((name) => ({ name })),
  nestedType: [
    mapEntry("CountsEntry", field(2, "value", "TYPE_INT32")),
    mapEntry("ByNameEntry", field(2, "value", "TYPE_MESSAGE", { typeName: ".test.Everything" })),
  ],
};

function field(number: number, name: string, type: string, more: JsonObject = {}): JsonObject {
  const jsonName = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  return { name, number, type, jsonName, label: "LABEL_OPTIONAL", ...more };
}

function wellKnown(number: number, name: string, type: string): JsonObject {
  return field(number, name, "TYPE_MESSAGE", { typeName: `.google.protobuf.${type}` });
}

function map(number: number, name: string, entry: string): JsonObject {
  return field(number, name, "TYPE_MESSAGE", {
    typeName: `.test.Everything.${entry}`,
    label: REPEATED,
  });
}

function mapEntry(name: string, value: JsonObject): JsonObject {
  return { name, field: [field(1, "key", "TYPE_STRING"), value], options: { mapEntry: true } };
}

function find<T>(found: T | undefined): T {
  if (found === undefined) throw new Error("Not in the test schema");
  return found;
}
