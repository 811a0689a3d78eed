/** The packages that only the CPU server needs. An image for GPU servers may leave them out. */
export const NETWORK_PACKAGES = [
  "sharp",
  "@websr/websr",
  "mediabunny",
  "@mediabunny/server",
] as const;
