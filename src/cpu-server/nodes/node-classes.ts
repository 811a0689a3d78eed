import type { Folders } from "../folders.js";
import type { Upscaler } from "../network/upscaler.js";
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
export function createNodeClasses(folders: Folders, upscaler: Upscaler): NodeClasses {
  const classes = [
    loadImage(folders),
    joinImageWithAlpha(),
    imageScale(),
    imageScaleBy(),
    imageFromBatch(),
    upscaleModelLoader(upscaler),
    imageUpscaleWithModel(upscaler),
    saveImage(folders),
    previewImage(folders),
    loadVideo(folders),
    getVideoComponents(),
    createVideo(),
    saveVideo(folders),
  ];
  return new Map(classes.map((nodeClass) => [nodeClass.name, nodeClass]));
}
