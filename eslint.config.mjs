import tseslint from "typescript-eslint";
// Biome does the rest; these three need full type information.
export default tseslint.config({ ignores: ["**/dist/**"] }, {
  files: ["src/**/*.{ts,tsx}", "test/**/*.ts"],
  ignores: ["src/gen/**", "src/client/gen/**"],
  extends: [tseslint.configs.base],
  languageOptions: { parserOptions: { projectService: true } },
  rules: {
    "@typescript-eslint/no-floating-promises": "error",
    "@typescript-eslint/no-misused-promises": "error",
    "@typescript-eslint/switch-exhaustiveness-check": "error",
  },
});
