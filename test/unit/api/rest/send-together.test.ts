import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { SendTogether } from "../../../../src/api/rest/send-together.js";

test("send together: answers wait until all requests of their turn are heard, and go in their order", async () => {
  const together = await afterManyRequests();
  const told: string[] = [];
  const answer = async (name: string) => {
    await together.turnOf(together.hear());
    told.push(`sent ${name}`);
  };
  const answers = [answer("a"), answer("b")];
  await Promise.resolve();
  told.push("heard");
  await Promise.all(answers);
  expect(told).toEqual(["heard", "sent a", "sent b"]);
});

test("send together: no more than sixteen answers wait", async () => {
  const together = await afterManyRequests();
  let isOver = false;
  setImmediate(() => {
    isOver = true;
  });
  const answers = Array.from({ length: 17 }, () => together.turnOf(together.hear()));
  await Promise.all(answers.slice(0, 16));
  expect(isOver).toBe(false);
  await answers[16];
});

test("send together: an answer that is made in a later turn waits for nobody", async () => {
  const together = await afterManyRequests();
  const heardIn = together.hear();
  together.hear();
  await nextTurn();
  expect(together.turnOf(heardIn)).toBeUndefined();
});

test("send together: while requests come alone, no answer waits", async () => {
  const together = new SendTogether();
  expect(together.turnOf(together.hear())).toBeUndefined();
  await nextTurn();
  expect(together.turnOf(together.hear())).toBeUndefined();
});

async function afterManyRequests(): Promise<SendTogether> {
  const together = new SendTogether();
  together.hear();
  together.hear();
  await nextTurn();
  return together;
}
