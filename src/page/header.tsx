import { useEffect, useRef, useState } from "preact/hooks";
import { chooseLanguage } from "./model.js";
import { linkTo, type Route } from "./route.js";
import { useModel, useTexts } from "./use-model.js";

const VIEWS = ["tasks", "submit", "pool"] as const;
const BACK_MS = 4_000;

/** The views, whether the page hears the service, and the language. */
export function Header() {
  const model = useModel();
  const { t } = useTexts();
  const other = model.language.value === "en" ? "zh" : "en";
  return (
    <>
      <header class="header">
        <a class="brand" href={linkTo({ view: "tasks" })}>
          <Mark />
          TMLSR
        </a>
        <nav class="views" aria-label={t("nav.label")}>
          {VIEWS.map((view) => (
            <ViewLink key={view} view={view} />
          ))}
        </nav>
        <LinkMark />
        <a class="quiet docs-link" href="/docs">
          {t("nav.docs")}
        </a>
        {model.access.key !== "" && (
          <button type="button" class="quiet" onClick={() => model.access.use("")}>
            {t("access.leave")}
          </button>
        )}
        <button
          type="button"
          class="quiet"
          lang={other === "zh" ? "zh-CN" : "en"}
          onClick={() => chooseLanguage(model, other)}
        >
          {t("nav.language")}
        </button>
      </header>
      <LinkNews />
    </>
  );
}

function ViewLink({ view }: { readonly view: (typeof VIEWS)[number] }) {
  const { route, stats } = useModel();
  const { t } = useTexts();
  const target: Route = { view };
  const isHere = route.value.view === view || (view === "tasks" && route.value.view === "task");
  const counts = stats.value.value?.stats;
  const open = (counts?.pending ?? 0) + (counts?.processing ?? 0);
  return (
    <a href={linkTo(target)} aria-current={isHere ? "page" : undefined}>
      {t(`nav.${view}`)}
      {view === "tasks" && open > 0 && <span class="count">{open}</span>}
    </a>
  );
}

/** A light that is steady while changes arrive. */
function LinkMark() {
  const { feed } = useModel();
  const { t } = useTexts();
  const link = feed.link.value;
  return (
    <span class={`link link-${link}`} role="status">
      <span class="light" aria-hidden="true" />
      <span class="link-text">{t(`link.${link}`)}</span>
    </span>
  );
}

/** Says that the connection is lost, and for a moment that it is back. */
function LinkNews() {
  const { feed, access } = useModel();
  const { t } = useTexts();
  const wasLost = useRef(false);
  const [isBack, setIsBack] = useState(false);
  const link = feed.link.value;
  useEffect(() => {
    if (link === "lost") wasLost.current = true;
    if (link !== "live" || !wasLost.current) return;
    wasLost.current = false;
    setIsBack(true);
    const timer = setTimeout(() => setIsBack(false), BACK_MS);
    return () => clearTimeout(timer);
  }, [link]);
  if (link === "lost" && !access.isAsked.value)
    return (
      <div class="news news-lost" role="alert">
        {t("link.lostLong")}
        <button type="button" onClick={() => feed.hurry()}>
          {t("link.retry")}
        </button>
      </div>
    );
  return isBack ? (
    <div class="news news-back" role="status">
      {t("link.back")}
    </div>
  ) : null;
}

function Mark() {
  return (
    <svg class="mark" viewBox="0 0 20 20" aria-hidden="true">
      <path d="M1 19V11h4v8zm5 0V6h4v13z" opacity=".45" />
      <path d="M11 1h8v18h-8z" />
    </svg>
  );
}
