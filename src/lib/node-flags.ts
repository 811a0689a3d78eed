/**
 * With which flags of Node.js the package's programs are started. `package.json` and the Dockerfile say the same.
 *
 * V8 has four threads of its own otherwise, however few cores there are. On two cores they take the time of the
 * thread that serves whenever they compile or collect garbage.
 */
export const NODE_FLAGS: readonly string[] = ["--v8-pool-size=1"];
