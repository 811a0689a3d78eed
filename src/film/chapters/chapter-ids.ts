/** Elements of Matroska, RFC 9559. */
export const CHAPTER_ID = {
  chapters: 0x1043a770,
  edition: 0x45b9,
  atom: 0xb6,
  uid: 0x73c4,
  start: 0x91,
  end: 0x92,
  display: 0x80,
  title: 0x85,
  language: 0x437c,
} as const;

/** The table of contents of a Matroska file, RFC 9559 section 5.1.1. */
export const SEEK_ID = {
  head: 0x114d9b74,
  seek: 0x4dbb,
  target: 0x53ab,
  position: 0x53ac,
} as const;
