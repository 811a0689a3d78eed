/**
 * How many bytes the length before each NAL unit has, from the decoder configuration of a container
 * (ISO/IEC 14496-15 sections 5.3.3.1 and 8.3.3.1). Undefined: start codes are between them.
 */
export function nalLengthSize(codec: string, configuration: Buffer | null): number | undefined {
  if (configuration === null || configuration[0] !== 1) return undefined;
  const lengths = configuration[codec === "hevc" ? 21 : 4];
  return lengths === undefined ? undefined : (lengths & 3) + 1;
}

/**
 * The NAL units of a packet.
 *
 * @param lengthSize - of {@link nalLengthSize}.
 * @returns undefined if the lengths do not add up to the packet: it is damaged.
 */
export function nalUnits(data: Buffer, lengthSize: number | undefined): Buffer[] | undefined {
  if (lengthSize === undefined) return unitsBetweenStartCodes(data);
  const units: Buffer[] = [];
  let at = 0;
  while (at < data.length) {
    if (at + lengthSize > data.length) return undefined;
    const start = at + lengthSize;
    const end = start + data.readUIntBE(at, lengthSize);
    if (end > data.length) return undefined;
    units.push(data.subarray(start, end));
    at = end;
  }
  return units;
}

const START_CODE = Buffer.from([0, 0, 1]);

function unitsBetweenStartCodes(data: Buffer): Buffer[] {
  const units: Buffer[] = [];
  let start = data.indexOf(START_CODE);
  while (start !== -1) {
    const next = data.indexOf(START_CODE, start + START_CODE.length);
    units.push(data.subarray(start + START_CODE.length, next === -1 ? data.length : next));
    start = next;
  }
  return units;
}

/** The content of a NAL unit without the bytes that keep start codes out of it. */
export function withoutEscapes(unit: Buffer): Buffer {
  const bytes: number[] = [];
  for (const [at, byte] of unit.entries()) {
    const isEscape = byte === 3 && at >= 2 && unit[at - 1] === 0 && unit[at - 2] === 0;
    if (!isEscape) bytes.push(byte);
  }
  return Buffer.from(bytes);
}
