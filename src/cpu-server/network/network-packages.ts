/** The packages that only the CPU server needs. An image for GPU servers may leave them out. */
export const NETWORK_PACKAGES = [
  "sharp",
  "@tensorflow/tfjs-core",
  "@tensorflow/tfjs-layers",
  "@tensorflow/tfjs-backend-wasm",
  "@upscalerjs/esrgan-slim",
  "mediabunny",
  "@mediabunny/server",
] as const;
