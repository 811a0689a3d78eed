import { useTexts } from "../use-model.js";
import type { MinuteOfServer } from "./hour.js";

interface HourStripProps {
  readonly server: string;
  readonly minutes: readonly MinuteOfServer[];
}

/** The last hour of a server: a bar a minute, as high as it was busy, marked where it failed. */
export function HourStrip({ server, minutes }: HourStripProps) {
  const { t } = useTexts();
  const known = minutes.flatMap(({ busyRatio }) => (busyRatio === undefined ? [] : [busyRatio]));
  const busy = known.reduce((sum, each) => sum + each, 0) / Math.max(1, known.length);
  const faults = minutes.reduce((sum, each) => sum + each.faults, 0);
  const words = `${t("pool.hourBusy")} ${Math.round(busy * 100)} %, ${t("pool.hourFaults")} ${faults}`;
  return (
    <figure class="hour">
      <svg
        viewBox="0 0 240 32"
        preserveAspectRatio="none"
        role="img"
        aria-label={`${t("pool.hour", { server })}: ${words}`}
      >
        {minutes.map((minute, index) => (
          <Bar key={`minute ${index}`} minute={minute} x={index * 4} />
        ))}
      </svg>
      <figcaption>
        <span>{t("pool.hourAgo")}</span>
        <span>{words}</span>
        <span>{t("pool.now")}</span>
      </figcaption>
    </figure>
  );
}

function Bar({ minute, x }: { readonly minute: MinuteOfServer; readonly x: number }) {
  const { busyRatio, faults } = minute;
  const height = busyRatio === undefined ? 0 : Math.max(1, busyRatio * 28);
  return (
    <>
      {height > 0 && <rect class="bar" x={x} y={32 - height} width={3} height={height} />}
      {faults > 0 && <rect class="fault" x={x} y={0} width={3} height={3} />}
    </>
  );
}
