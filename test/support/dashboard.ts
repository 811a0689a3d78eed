import { fileURLToPath } from "node:url";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import { beforeAll, expect, onTestFinished } from "vitest";
import { launchChromium } from "./chromium.js";
import { LIMIT_MS } from "./eventually.js";

/** One Chromium for all tests of a file. */
export interface SharedBrowser {
  readonly browser: Browser;
}

/** Starts Chromium before the tests of a file and ends it after them. */
export function useChromium(): SharedBrowser {
  let browser: Browser | undefined;
  beforeAll(async () => {
    const started = await launchChromium();
    browser = started;
    return async () => await started.close();
  });
  return {
    get browser() {
      if (browser === undefined) throw new Error("Chromium is started before the first test");
      return browser;
    },
  };
}

/** Where a photograph of the tests is. */
export function photograph(name: string): string {
  return fileURLToPath(new URL(`../fixtures/photographs/${name}`, import.meta.url));
}

/**
 * Opens the page in a tab of its own browser profile. At the end of the test it fails if a script
 * threw, the policy refused anything, or anything was asked of another machine.
 *
 * @param view e.g. `#/pool`
 */
export async function openDashboard(
  { browser }: SharedBrowser,
  url: string,
  view = "",
  options: BrowserContextOptions = {},
): Promise<Page> {
  const context = await browser.newContext({
    ...{ viewport: { width: 1280, height: 800 }, locale: "en-GB", ...options },
  });
  onTestFinished(() => context.close());
  return await openTab(await context.newPage(), url, view);
}

/** Opens the page in a tab, see {@link openDashboard}. */
export async function openTab(page: Page, url: string, view = ""): Promise<Page> {
  const troubles: string[] = [];
  page.setDefaultTimeout(LIMIT_MS);
  page.on("pageerror", (error) => troubles.push(error.message));
  page.on("console", (message) => {
    if (/Content Security Policy/i.test(message.text())) troubles.push(message.text());
  });
  page.on("request", (request) => {
    const { hostname, protocol } = new URL(request.url());
    const isNear = hostname === "127.0.0.1" || hostname === "localhost" || protocol === "blob:";
    if (!isNear) troubles.push(request.url());
  });
  onTestFinished(() => expect(troubles, "troubles of the page").toEqual([]));
  await page.goto(`${url}/dashboard${view}`);
  return page;
}

/** Chooses files on the page and submits them. */
export async function submitFiles(page: Page, files: Parameters<Page["setInputFiles"]>[1]) {
  await page.setInputFiles("input[type=file]", files);
  await page.getByRole("button", { name: /^Submit/ }).click();
}
