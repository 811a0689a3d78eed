import { TaskError } from "../../domain/errors.js";

/** The error for a film that cannot be read to its end. `reason` ends the sentence. */
export function damagedFilm(reason: string, cause?: unknown): TaskError {
  return new TaskError("INPUT_DAMAGED", `Cannot use input: the video is damaged, ${reason}`, {
    cause,
  });
}

/** The error for a film that no server can use. `reason` ends the sentence. */
export function unusableFilm(reason: string): TaskError {
  return new TaskError("INPUT_TYPE_UNSUPPORTED", `Cannot use input: ${reason}`);
}

/** A time of a film as people write it, such as `0:12:03.4`. */
export function clockTime(seconds: number): string {
  const sign = seconds < 0 ? "-" : "";
  const tenths = Math.round(Math.abs(seconds) * 10);
  const [hours, minutes] = [Math.floor(tenths / 36_000), Math.floor(tenths / 600) % 60];
  const rest = ((tenths % 600) / 10).toFixed(1).padStart(4, "0");
  return `${sign}${hours}:${String(minutes).padStart(2, "0")}:${rest}`;
}
