import { defineConfig } from "vite";

/**
 * Builds the page into `dist/page`. Nothing is put inline, since the page's policy allows no inline
 * script or style.
 */
export default defineConfig({
  base: "/dashboard/",
  build: {
    outDir: "../../dist/page",
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    target: "es2022",
    reportCompressedSize: false,
    // hls.js, in kB: it is loaded for a preview alone.
    chunkSizeWarningLimit: 700,
  },
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  logLevel: "warn",
});
