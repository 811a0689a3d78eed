import type { Pool } from "./pool.js";

/**
 * Waits until every server has told what it can run, or at least is known not to answer, so that
 * the first requests are not judged by guesses.
 *
 * @param mustAnswer also waits for servers that do not answer yet: ones that were only just
 *   started.
 */
export async function firstAnswers(
  pool: Pool,
  limitMs: number,
  mustAnswer: boolean,
): Promise<void> {
  const isSettled = (): boolean =>
    pool.servers.every(
      ({ isKnown, health }) => isKnown || (health.reason !== undefined && !mustAnswer),
    );
  if (isSettled()) return;
  await new Promise<void>((resolve) => {
    const end = (): void => {
      clearTimeout(timer);
      unsubscribe();
      resolve();
    };
    const timer = setTimeout(end, limitMs);
    const unsubscribe = pool.subscribe(() => {
      if (isSettled()) end();
    });
  });
}
