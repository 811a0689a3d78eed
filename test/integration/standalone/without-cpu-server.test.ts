import { spawn } from "node:child_process";
import { once } from "node:events";
import { cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { eventually } from "../../support/eventually.js";
import { freePort } from "../../support/free-port.js";
import { tempDir } from "../../support/temp-dir.js";
import { NOBODY } from "../../support/test-app.js";

// The service where what only the CPU server needs is not installed, as in the image for GPU servers.

const ROOT = fileURLToPath(new URL("../../..", import.meta.url));
const LEFT_OUT = ["@websr", "tmlsr-cpu-server"];

async function installWithout(names: readonly string[]): Promise<string> {
  const root = await tempDir();
  await writeFile(join(root, "package.json"), '{ "type": "module" }');
  // Copied: Node.js would look for packages beside a link's target.
  await cp(join(ROOT, "dist"), join(root, "dist"), { recursive: true });
  await mkdir(join(root, "node_modules"));
  for (const name of await readdir(join(ROOT, "node_modules")))
    if (!names.includes(name))
      await symlink(join(ROOT, "node_modules", name), join(root, "node_modules", name));
  return root;
}

async function start(env: Readonly<Record<string, string>>) {
  const root = await installWithout(LEFT_OUT);
  const child = spawn(process.execPath, [join(root, "dist/main.js")], {
    cwd: root,
    env: {
      TMLSR_PORT: String(await freePort()),
      TMLSR_WORKFLOWS_DIR: join(ROOT, "workflows"),
      ...env,
    },
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

test("the service says what to install if it is asked for the CPU server", async () => {
  const child = await start({});
  const [errors, [code]] = await Promise.all([text(child.stderr), once(child, "close")]);
  expect(errors).toBe(
    'The built-in CPU server\'s package is not installed: run "npm install @websr/websr@0.0.15", or name ComfyUI servers in COMFYUI_SERVERS\n',
  );
  expect(code).toBe(1);
});

test("the service needs nothing of it for ComfyUI servers", async () => {
  const child = await start({ COMFYUI_SERVERS: NOBODY });
  let output = "";
  child.stdout.on("data", (chunk: Buffer) => {
    output += chunk.toString();
  });
  await eventually(() => output.includes('"msg":"listening"'));
});
