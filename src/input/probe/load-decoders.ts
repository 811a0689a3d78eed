let decoders: Promise<void> | undefined;

/** Makes films decodable. The decoders take 50 MB, so they are loaded with the first film. */
export async function loadDecoders(): Promise<void> {
  decoders ??= registerDecoders();
  await decoders;
}

async function registerDecoders(): Promise<void> {
  const { registerMediabunnyServer } = await import("@mediabunny/server");
  // Without this, it looks for graphics cards and prints to stderr that it found none.
  registerMediabunnyServer({ hardwareContext: null });
}
