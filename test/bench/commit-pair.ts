import { stat } from "node:fs/promises";
import { join } from "node:path";

import { EmbeddedDriver } from "../../src/store/embedded/driver.js";
import { GroupCommit } from "../../src/store/embedded/group-commit.js";
import { makeDirectory } from "./directory.js";
import type { Figure } from "./figure.js";
import { runLoad } from "./load.js";
import { quantile } from "./quantile.js";

const ROUNDS = 7;
const ROUND_MS = 500;
/** As long as a task. */
const DOCUMENT = "x".repeat(900);
/** What a lone writer may lose: nothing that can be told from noise. */
const NO_LOSS = 0.95;

/** Writes that share commits beside the same writes with one commit each: same file, turn by turn. */
export async function measureCommits(): Promise<Figure[]> {
  await using directory = await makeDirectory();
  using driver = EmbeddedDriver.open(join(directory.path, "pair.sqlite"));
  driver.exec("CREATE TABLE written (id INTEGER PRIMARY KEY, document TEXT NOT NULL)");
  const commits = new GroupCommit(driver);
  const insert = () => driver.run("INSERT INTO written (document) VALUES (?)", DOCUMENT);
  // A request comes as input does, and so does each write here.
  const arrive = () => stat(directory.path);
  const shared = async () => {
    await arrive();
    return await commits.write(insert, () => undefined);
  };
  const alone = async () => {
    await arrive();
    return driver.transaction(insert);
  };
  const figures: Figure[] = [];
  for (const count of [1, 32]) {
    const pairs: { readonly shared: number; readonly alone: number }[] = [];
    for (let round = 0; round < ROUNDS; round += 1)
      pairs.push({
        shared: (await runLoad(count, ROUND_MS, shared)).perSecond,
        alone: (await runLoad(count, ROUND_MS, alone)).perSecond,
      });
    const median = (values: readonly number[]) => quantile(values, 0.5);
    const who = count === 1 ? "1 writer" : `${count} writers`;
    figures.push(
      {
        what: `writes that share commits, of those with one each, ${who}`,
        value: median(pairs.map((pair) => pair.shared / pair.alone)),
        unit: "",
        goal: { atLeast: count === 1 ? NO_LOSS : 1 },
      },
      {
        what: `writes that share commits, ${who}`,
        value: median(pairs.map((pair) => pair.shared)),
        unit: "/s",
      },
    );
  }
  return figures;
}
