import type { Folders } from "../folders.js";
import type { Upscaler } from "../network/upscaler.js";
import type { ServerHooks } from "../server-hooks.js";
import { openVideo } from "../video/open-video.js";
import { type VideoWriter, writeVideo } from "../video/write-video.js";
import { imageBatch } from "./image-batch.js";
import { imageFromBatch } from "./image-from-batch.js";
import { imageScale, imageScaleBy } from "./image-scale.js";
import { joinImageWithAlpha } from "./join-image-with-alpha.js";
import { loadImage } from "./load-image.js";
import { loadVideo } from "./load-video.js";
import type { NodeClasses } from "./node-class.js";
import { previewImage, saveImage } from "./save-image.js";
import { saveVideo } from "./save-video.js";
import { imageUpscaleWithModel, upscaleModelLoader } from "./upscale-with-model.js";
import { createVideo, getVideoComponents } from "./video-components.js";

/** All classes of this server. They are a part of ComfyUI's own classes, with the same names. */
export function createNodeClasses(
  folders: Folders,
  upscaler: Upscaler,
  hooks: ServerHooks,
): NodeClasses {
  const open = async (path: string) => {
    const video = (await hooks.openVideo?.(path)) ?? (await openVideo(path));
    return (await hooks.readVideo?.(video)) ?? video;
  };
  const write: VideoWriter = async (...args) =>
    await (hooks.videoWriter?.() ?? writeVideo)(...args);
  const classes = [
    loadImage(folders),
    joinImageWithAlpha(),
    imageScale(),
    imageScaleBy(),
    imageFromBatch(),
    imageBatch(),
    upscaleModelLoader(upscaler),
    imageUpscaleWithModel(upscaler),
    saveImage(folders),
    previewImage(folders),
    loadVideo(folders, open),
    getVideoComponents(),
    createVideo(hooks.keepsDepth?.()),
    saveVideo(folders, write),
    ...(hooks.moreNodes?.() ?? []),
  ];
  return new Map(classes.map((nodeClass) => [nodeClass.name, nodeClass]));
}
