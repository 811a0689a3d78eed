/** How FFmpeg writes CMAF: fragments end where they are told to, and each tells when it begins. */
export const FRAGMENT_OPTIONS = {
  movflags: "+empty_moov+default_base_moof+frag_custom+frag_discont+skip_trailer",
  avoid_negative_ts: "disabled",
  use_editlist: 0,
} as const;
