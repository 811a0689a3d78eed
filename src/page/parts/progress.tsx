/** How far something has come. @param percent 0 to 100. */
export function Progress({ percent, label }: { readonly percent: number; readonly label: string }) {
  return (
    <div
      class="progress"
      role="progressbar"
      aria-label={label}
      aria-valuemin={0}
      aria-valuemax={100}
      aria-valuenow={Math.round(percent)}
    >
      <div class="progress-bar" style={{ transform: `scaleX(${percent / 100})` }} />
    </div>
  );
}
