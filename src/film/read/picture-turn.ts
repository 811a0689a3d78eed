import type { Packet } from "node-av";
import type { FilmFacts } from "../film-facts.js";
import { replaceData } from "../media/replace-data.js";
import { nalLengthSize, nalUnits } from "./nal-units.js";
import { readSeiNumber } from "./sei-number.js";

/** Pictures of H.264 may say themselves how they are turned (ITU-T H.264, D.1.27 and D.2.27). */
const [SEI_UNIT, DISPLAY_ORIENTATION] = [6, 47];
const CANCELED = 0x80;
/** Of the turn against the clock, in 2^16ths of a whole one. */
const QUARTER = 2 ** 14;

/**
 * The clockwise turn that the pictures of a packet of H.264 say they need. Players that know of it go by
 * it where the container says nothing.
 */
export function turnOfPictures(
  data: Buffer,
  configuration: Buffer | null,
): FilmFacts["rotationDegrees"] {
  const [message] = orientations(data, configuration);
  if (message === undefined || message.length < 3 || (message[0] ?? 0) & CANCELED) return 0;
  // Behind three flags.
  const turn = (message.readUIntBE(0, 3) >> 5) & 0xffff;
  return ([0, 270, 180, 90] as const)[Math.round(turn / QUARTER) % 4] ?? 0;
}

/** Makes the pictures of a packet of H.264 say that they are not turned. */
export function forgetTurn(packet: Packet, configuration: Buffer | null): void {
  const { data } = packet;
  const messages = data === null ? [] : orientations(data, configuration);
  for (const message of messages) message[0] = (message[0] ?? 0) | CANCELED;
  if (data !== null && messages.length > 0) replaceData(packet, data);
}

/** The messages of a packet that say how its picture is to be shown. */
function orientations(data: Buffer, configuration: Buffer | null): readonly Buffer[] {
  const units = nalUnits(data, nalLengthSize("h264", configuration)) ?? [];
  return units.filter((unit) => ((unit[0] ?? 0) & 31) === SEI_UNIT).flatMap(orientationsOf);
}

/** It is looked for where no bytes are put between others, as encoders write it. */
function orientationsOf(sei: Buffer): readonly Buffer[] {
  const found: Buffer[] = [];
  let at = 1;
  while (at + 2 < sei.length) {
    const [type, afterType] = readSeiNumber(sei, at);
    const [length, payload] = readSeiNumber(sei, afterType);
    at = payload + length;
    if (type === DISPLAY_ORIENTATION && length > 0) found.push(sei.subarray(payload, at));
  }
  return found;
}
