import type { Finding } from "../../client/gen/tmlsr/v1/monitor_service_pb.js";
import { useTexts } from "../use-model.js";

/** What is wrong, and the one thing to do for each. */
export function Findings({ findings }: { readonly findings: readonly Finding[] | undefined }) {
  const { t } = useTexts();
  if (findings === undefined) return null;
  return (
    <section class="findings">
      <h2>{t("pool.findings")}</h2>
      {findings.length === 0 && <p class="muted">{t("pool.noFindings")}</p>}
      <ul>
        {findings.map(({ code, subject, problem, advice, blocks }) => (
          <li key={`${code} ${subject}`} class={blocks ? "finding finding-blocks" : "finding"}>
            <p>
              <strong class="mono">{subject}</strong> {problem}
            </p>
            <p>{advice}</p>
          </li>
        ))}
      </ul>
    </section>
  );
}
