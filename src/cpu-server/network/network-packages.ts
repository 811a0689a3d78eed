/** The packages that only the CPU server needs, so that an image for GPU servers may lack them. */
export const NETWORK_PACKAGES = [
  "sharp",
  "@tensorflow/tfjs-core",
  "@tensorflow/tfjs-layers",
  "@tensorflow/tfjs-backend-wasm",
  "@upscalerjs/esrgan-slim",
  "mediabunny",
  "@mediabunny/server",
] as const;
