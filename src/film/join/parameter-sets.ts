/**
 * The parameter sets of a decoder configuration, each behind its length in four bytes, as they are put
 * before a key packet: of H.264 (ISO/IEC 14496-15, 5.3.3.1) or HEVC (8.3.3.1).
 *
 * @returns undefined for another codec, whose packets bring theirs themselves, and for packets that
 *   have no lengths of four bytes.
 */
export function parameterSets(codec: string, configuration: Buffer): Buffer | undefined {
  if (codec === "h264") return avcSets(configuration);
  if (codec === "hevc") return hevcSets(configuration);
  return undefined;
}

const LENGTH_BYTES = 4;

function avcSets(avcc: Buffer): Buffer | undefined {
  if (avcc[0] !== 1 || lengthBytes(avcc[4]) !== LENGTH_BYTES) return undefined;
  const sps = readSets(avcc, 6, (avcc[5] ?? 0) & 0x1f);
  const pps = readSets(avcc, sps.end + 1, avcc[sps.end] ?? 0);
  return lengthPrefixed([...sps.sets, ...pps.sets]);
}

function hevcSets(hvcc: Buffer): Buffer | undefined {
  if (hvcc[0] !== 1 || lengthBytes(hvcc[21]) !== LENGTH_BYTES) return undefined;
  const sets: Buffer[] = [];
  let at = 23;
  for (let array = 0; array < (hvcc[22] ?? 0); array += 1) {
    const read = readSets(hvcc, at + 3, hvcc.readUInt16BE(at + 1));
    sets.push(...read.sets);
    at = read.end;
  }
  return lengthPrefixed(sets);
}

/** Units, each behind its length in four bytes. */
export function lengthPrefixed(units: readonly Buffer[]): Buffer {
  return Buffer.concat(
    units.flatMap((unit) => {
      const prefix = Buffer.alloc(LENGTH_BYTES);
      prefix.writeUInt32BE(unit.length);
      return [prefix, unit];
    }),
  );
}

function lengthBytes(value = 0): number {
  return (value & 0b11) + 1;
}

/** Reads sets that stand behind lengths of two bytes. */
function readSets(from: Buffer, start: number, count: number): { sets: Buffer[]; end: number } {
  const sets: Buffer[] = [];
  let end = start;
  for (let read = 0; read < count; read += 1) {
    const length = from.readUInt16BE(end);
    sets.push(from.subarray(end + 2, end + 2 + length));
    end += 2 + length;
  }
  return { sets, end };
}
