import type { FilmOptions } from "./make-film.js";

/** Options of FFmpeg's encoder for the pictures of a test's film. */
export function encoderOptions(options: FilmOptions): Record<string, string> {
  switch (options.codec ?? "h264") {
    case "h264":
      return h264Options(options);
    case "hevc":
      return hevcOptions(options);
    case "av1":
      return { preset: "10", crf: "25", "svtav1-params": `keyint=${options.gop ?? 12}:lp=1` };
    case "vp8":
    case "vp9":
      return {
        ...{ deadline: "good", "cpu-used": "4", crf: "20" },
        ...{ "auto-alt-ref": "1", "lag-in-frames": "12" },
      };
    case "mpeg4":
    case "prores":
      return {};
  }
}

function h264Options({ gop = 12, isOpenGop, isIntraRefresh }: FilmOptions) {
  const parameters = [
    `keyint=${gop}:min-keyint=1:scenecut=0:b-adapt=0`,
    ...(isOpenGop ? ["open-gop=1"] : []),
    ...(isIntraRefresh ? ["intra-refresh=1"] : []),
  ];
  return {
    ...{ preset: "veryfast", crf: "18", "forced-idr": isOpenGop ? "0" : "1" },
    "x264-params": parameters.join(":"),
  };
}

function hevcOptions({ gop = 12, isOpenGop = false }: FilmOptions) {
  const parameters = [
    "log-level=none:pools=none:frame-threads=1",
    `keyint=${gop}:min-keyint=1:scenecut=0:b-adapt=0:open-gop=${Number(isOpenGop)}`,
  ];
  return {
    ...{ preset: "ultrafast", crf: "18", "forced-idr": isOpenGop ? "0" : "1" },
    "x265-params": parameters.join(":"),
  };
}
