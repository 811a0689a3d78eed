/** A number as SEI messages write types and lengths (ITU-T H.264, 7.3.2.3.1), and where the next begins. */
export function readSeiNumber(sei: Buffer, start: number): [value: number, next: number] {
  let [value, at] = [0, start];
  while (sei[at] === 0xff) {
    value += 0xff;
    at += 1;
  }
  return [value + (sei[at] ?? 0), at + 1];
}
