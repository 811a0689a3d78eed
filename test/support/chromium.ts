import { access, constants } from "node:fs/promises";
import { delimiter, join } from "node:path";
import { type Browser, chromium } from "playwright-core";

/**
 * Starts Debian's Chromium without any network but loopback's: `TMLSR_CHROMIUM`, or `chromium` on
 * the PATH. Plays H.264 and AAC.
 *
 * @throws Error that says how to get one.
 */
export async function launchChromium(): Promise<Browser> {
  return await chromium.launch({
    executablePath: await findChromium(),
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE localhost, EXCLUDE 127.0.0.1",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
}

async function findChromium(): Promise<string> {
  const named = process.env["TMLSR_CHROMIUM"];
  if (named) return named;
  for (const directory of (process.env["PATH"] ?? "").split(delimiter)) {
    const path = join(directory, "chromium");
    if (await isExecutable(path)) return path;
  }
  throw new Error("No Chromium: set TMLSR_CHROMIUM to one (on Debian .ci/chromium gets it)");
}

async function isExecutable(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
