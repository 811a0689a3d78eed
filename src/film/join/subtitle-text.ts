/**
 * The text of a subtitle packet, without its styles.
 *
 * @param codec as FFmpeg names it.
 */
export function subtitleText(codec: string, packet: Buffer): string {
  if (codec === "mov_text")
    return packet.subarray(2, 2 + (packet[0] ?? 0) * 256 + (packet[1] ?? 0)).toString();
  const text = packet.toString();
  if (codec === "ass")
    return text
      .split(",")
      .slice(ASS_FIELDS)
      .join(",")
      .replace(/\{[^}]*\}/g, "")
      .replace(/\\[Nn]/g, "\n");
  return text.replace(/<[^>]*>/g, "");
}

/** Fields of an event before its text, as Matroska stores it. */
const ASS_FIELDS = 8;

/** A text as a sample of 3GPP timed text (TS 26.245, 5.17): its length goes before it. */
export function movTextSample(text: string): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** How timed text is shown (TS 26.245, 5.16): white, at the foot, in the player's own size of box. */
export function movTextStyle(): Buffer {
  const [centre, foot] = [1, -1];
  const style = Buffer.alloc(30);
  style.writeInt8(centre, 4);
  style.writeInt8(foot, 5);
  style.writeUInt16BE(FONT, 22);
  style.writeUInt8(FONT_SIZE, 25);
  style.writeUInt32BE(WHITE, 26);
  const name = Buffer.from("Serif");
  const fonts = Buffer.alloc(13);
  fonts.writeUInt32BE(fonts.length + name.length);
  fonts.write("ftab", 4);
  fonts.writeUInt16BE(1, 8);
  fonts.writeUInt16BE(FONT, 10);
  fonts.writeUInt8(name.length, 12);
  return Buffer.concat([style, fonts, name]);
}

const FONT = 1;
const FONT_SIZE = 18;
const WHITE = 0xffff_ffff;
