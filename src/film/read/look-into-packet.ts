import { nalLengthSize, nalUnits, withoutEscapes } from "./nal-units.js";
import { readSeiNumber } from "./sei-number.js";

/** What a packet really is, whatever the container says. */
export interface PacketLook {
  /** Whether decoding can begin with it. */
  readonly isKey: boolean;
  /** Whether a picture is shown for it. */
  readonly isShown: boolean;
  readonly isDamaged: boolean;
}

const DAMAGED: PacketLook = { isKey: false, isShown: true, isDamaged: true };

/**
 * Makes the function that looks into packets of a film. Containers mark pictures as key frames that
 * are none, as those of a periodic intra refresh, which x264 marks.
 *
 * @param codec - as FFmpeg names it. Of codecs that are not known here the container is believed.
 */
export function packetReader(
  codec: string,
  configuration: Buffer | null,
): (data: Buffer, isMarkedKey: boolean) => PacketLook {
  switch (codec) {
    case "h264":
    case "hevc": {
      const lengthSize = nalLengthSize(codec, configuration);
      const isKeyUnit = codec === "h264" ? isH264Key : isHevcKey;
      return (data, isMarkedKey) => {
        const units = nalUnits(data, lengthSize);
        if (units === undefined || units.length === 0) return DAMAGED;
        return shown(isMarkedKey && units.some(isKeyUnit));
      };
    }
    case "vp8":
      return (data, isMarkedKey) => lookIntoVp8(data, isMarkedKey);
    case "vp9":
      return (data, isMarkedKey) => lookIntoVp9(data, isMarkedKey);
    default:
      return (data, isMarkedKey) => (data.length === 0 ? DAMAGED : shown(isMarkedKey));
  }
}

function shown(isKey: boolean): PacketLook {
  return { isKey, isShown: true, isDamaged: false };
}

const [H264_IDR, H264_SEI] = [5, 6];

/** An IDR picture, or one whose SEI says that all is right from it on, ITU-T H.264 section D.2.8. */
function isH264Key(unit: Buffer): boolean {
  const type = (unit[0] ?? 0) & 31;
  return type === H264_IDR || (type === H264_SEI && recoversAtOnce(withoutEscapes(unit)));
}

const RECOVERY_POINT = 6;
/** ue(v) of 0 frames is one bit, and the bit for an exact match follows. */
const AT_ONCE_AND_EXACT = 0xc0;

function recoversAtOnce(sei: Buffer): boolean {
  let at = 1;
  while (at + 2 < sei.length) {
    const [type, afterType] = readSeiNumber(sei, at);
    const [length, payload] = readSeiNumber(sei, afterType);
    if (type === RECOVERY_POINT)
      return ((sei[payload] ?? 0) & AT_ONCE_AND_EXACT) === AT_ONCE_AND_EXACT;
    at = payload + length;
  }
  return false;
}

const [HEVC_FIRST_IRAP, HEVC_LAST_IRAP] = [16, 23];

/** BLA, IDR and CRA pictures, ITU-T H.265 table 7-1. */
function isHevcKey(unit: Buffer): boolean {
  const type = ((unit[0] ?? 0) >> 1) & 63;
  return type >= HEVC_FIRST_IRAP && type <= HEVC_LAST_IRAP;
}

/** The frame tag, RFC 6386 section 9.1. */
function lookIntoVp8(data: Buffer, isMarkedKey: boolean): PacketLook {
  const [tag] = data;
  if (tag === undefined) return DAMAGED;
  return { isKey: isMarkedKey && (tag & 1) === 0, isShown: (tag & 16) !== 0, isDamaged: false };
}

/** The first bits of a frame, VP9 bitstream specification section 6.2; a superframe shows its last. */
function lookIntoVp9(data: Buffer, isMarkedKey: boolean): PacketLook {
  const [head, last] = [data[0], data.at(-1)];
  if (head === undefined || last === undefined || head >> 6 !== 2) return DAMAGED;
  const isSuperframe = (last & 0xe0) === 0xc0;
  const isProfile3 = (head & 0x30) === 0x30;
  const bits = isProfile3 ? head << 1 : head;
  const isShownAgain = (bits & 8) !== 0;
  const isKey = !isShownAgain && (bits & 4) === 0;
  const isShown = isSuperframe || isShownAgain || (bits & 2) !== 0;
  return { isKey: isMarkedKey && isKey, isShown, isDamaged: false };
}
