import { setTimeout as sleep } from "node:timers/promises";
import { makeDirectory } from "./directory.js";
import type { Figure, Subject } from "./figure.js";
import { runLoad } from "./load.js";
import { connectRest, type RestClient } from "./rest-client.js";
import { seedStore } from "./seed-store.js";
import { startService } from "./service.js";
import { startCrowd } from "./stats-crowd-process.js";

const STORED_COUNT = 10_000;
const DURATION_MS = 5_000;
/** Between two tasks that are submitted where something is to change all the time. */
const CHANGE_MS = 50;
/** What is left of the gets beside others who ask for the stats. */
const LEAST_RATIO = 0.5;

/** What many who watch the stats, or ask for them without a pause, leave of the service to others. */
export const statsStreams: Subject = {
  name: "stats-streams",
  async measure({ say }) {
    await using directory = await makeDirectory();
    const ids = await seedStore(directory.path, { count: STORED_COUNT, status: "completed" });
    await using service = await startService({ dataDir: directory.path });
    await using rest = connectRest(service.url);
    const get = () => rest.get(`/tasks/${ids[Math.floor(Math.random() * ids.length)]}`);
    const load = async () => (await runLoad(8, DURATION_MS, get)).perSecond;
    await load();
    const figures: Figure[] = [];
    let alone = await load();
    for (const [what, count, name] of CROWDS) {
      say(name);
      const crowd = await startCrowd(service.url, what, count);
      const still = await load();
      const changing = await whileChanging(rest, load);
      await crowd[Symbol.asyncDispose]();
      const again = await load();
      const usual = (alone + again) / 2;
      alone = again;
      const tell = (when: string, perSecond: number) =>
        figures.push({
          ...{ what: `share that is left by ${name}, ${when}`, value: perSecond / usual, unit: "" },
          goal: { atLeast: LEAST_RATIO },
        });
      figures.push({ what: "get over REST, 8 clients, nobody else", value: usual, unit: "/s" });
      tell("nothing changes", still);
      tell("20 tasks a second", changing);
    }
    return figures;
  },
};

const CROWDS = [
  ["streams", 2_000, "2,000 streams at 0.1 s"],
  ["flood", 10, "10 clients without a pause"],
] as const;

/** Runs a load while the stats change all the time. */
async function whileChanging(rest: RestClient, load: () => Promise<number>): Promise<number> {
  const stop = new AbortController();
  const task = { url: "https://example.com/image.jpg", type: "image", workflow: "cpu_image_2x" };
  const change = async (): Promise<void> => {
    while (!stop.signal.aborted) {
      await rest.post("/tasks", task);
      await sleep(CHANGE_MS, undefined, { signal: stop.signal }).catch(() => undefined);
    }
  };
  const changing = change();
  try {
    return await load();
  } finally {
    stop.abort();
    await changing;
  }
}
