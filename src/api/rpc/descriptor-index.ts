import {
  type DescEnum,
  type DescExtension,
  type DescFile,
  type DescMessage,
  type DescService,
  toBinary,
} from "@bufbuild/protobuf";
import { nestedTypes } from "@bufbuild/protobuf/reflect";
import { FileDescriptorProtoSchema } from "@bufbuild/protobuf/wkt";

/** Finds the file that defines a symbol or an extension, or that has a name. */
export class DescriptorIndex {
  readonly #files = new Map<string, DescFile>();
  readonly #symbols = new Map<string, DescFile>();
  /** By the extended message, then by field number. */
  readonly #extensions = new Map<string, Map<number, DescFile>>();

  /** Adds the files and all files that they import. */
  constructor(files: readonly DescFile[]) {
    for (const file of files) this.#add(file);
  }

  /** By the name that imports use, e.g. `tmlsr/v1/task.proto`. */
  fileNamed(name: string): DescFile | undefined {
    return this.#files.get(name);
  }

  /**
   * By the full name of a message, field, oneof, enum, enum value, extension, service or method.
   */
  fileOfSymbol(symbol: string): DescFile | undefined {
    return this.#symbols.get(symbol);
  }

  fileOfExtension(messageName: string, fieldNumber: number): DescFile | undefined {
    return this.#extensions.get(messageName)?.get(fieldNumber);
  }

  /** The field numbers of all extensions of a message. */
  extensionNumbers(messageName: string): number[] {
    return [...(this.#extensions.get(messageName)?.keys() ?? [])];
  }

  #add(file: DescFile): void {
    if (this.#files.has(file.proto.name)) return;
    this.#files.set(file.proto.name, file);
    for (const type of nestedTypes(file)) {
      for (const symbol of symbolsOf(type)) this.#symbols.set(symbol, file);
      if (type.kind === "extension") this.#addExtension(type, file);
    }
    for (const dependency of file.dependencies) this.#add(dependency);
  }

  #addExtension({ extendee, number }: DescExtension, file: DescFile): void {
    const numbers = this.#extensions.get(extendee.typeName) ?? new Map<number, DescFile>();
    numbers.set(number, file);
    this.#extensions.set(extendee.typeName, numbers);
  }
}

/** A file in the form that gRPC reflection sends. */
export function encodeFile(file: DescFile): Uint8Array {
  return toBinary(FileDescriptorProtoSchema, file.proto);
}

/**
 * The full names of a type and of its members. The values of an enum are its siblings (protobuf's
 * C++ scoping).
 */
function symbolsOf(type: DescMessage | DescEnum | DescExtension | DescService): string[] {
  const within = (members: readonly { name: string }[]) =>
    members.map(({ name }) => `${type.typeName}.${name}`);
  switch (type.kind) {
    case "message":
      return [type.typeName, ...within(type.fields), ...within(type.oneofs)];
    case "service":
      return [type.typeName, ...within(type.methods)];
    case "enum": {
      const scope = type.typeName.slice(0, -type.name.length);
      return [type.typeName, ...type.values.map(({ name }) => scope + name)];
    }
    case "extension":
      return [type.typeName];
  }
}
