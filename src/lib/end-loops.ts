/** More reads of the same bytes in a row are an endless loop. */
const MAX_SAME_READS = 1000;

/**
 * Makes reading of a media library's source fail where the reader asks for the same bytes without end, as version 1.61.0
 * does between the elements of a damaged Matroska file. Such a loop would stop the whole process, since bytes that are
 * cached are read at once.
 */
export function endLoops(source: object): void {
  const reads = source as { _read: (start: number, end: number, ...rest: number[]) => unknown };
  const read = reads._read.bind(source);
  let [lastStart, lastEnd, count] = [-1, -1, 0];
  reads._read = (start, end, ...rest) => {
    count = start === lastStart && end === lastEnd ? count + 1 : 0;
    [lastStart, lastEnd] = [start, end];
    if (count > MAX_SAME_READS) throw new Error("The reader does not come further");
    return read(start, end, ...rest);
  };
}
