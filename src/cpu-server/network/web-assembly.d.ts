// What the network uses of WebAssembly, whose types come with those of browsers alone.

declare namespace WebAssembly {
  class Memory {
    constructor(size: { readonly initial: number });
    readonly buffer: ArrayBuffer;
  }

  /** Compiles a program and links it with what it imports. */
  function instantiate(
    program: Uint8Array,
    imports: Readonly<Record<string, Readonly<Record<string, Memory>>>>,
  ): Promise<{ readonly instance: { readonly exports: object } }>;
}
