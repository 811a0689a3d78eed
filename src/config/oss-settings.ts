import { z } from "zod";
import { flag, optionalText, positive, setting } from "./setting.js";

/** Aliyun OSS, where results are kept in production. */
export const OSS_SETTINGS = {
  ossEndpoint: setting({
    env: "OSS_ENDPOINT",
    key: "oss.endpoint",
    schema: optionalText,
    fallback: undefined,
    fallbackText: "local disk",
    text: "Aliyun OSS endpoint, e.g. `oss-cn-hangzhou.aliyuncs.com`; with it the other `OSS_` settings are required.",
  }),
  ossRegion: setting({
    env: "OSS_REGION",
    key: "oss.region",
    schema: optionalText,
    fallback: undefined,
    fallbackText: "from the endpoint",
    text: "Region, e.g. `oss-cn-hangzhou`.",
  }),
  ossBucket: setting({
    env: "OSS_BUCKET",
    key: "oss.bucket_name",
    schema: optionalText,
    fallback: undefined,
    text: "Bucket.",
  }),
  ossAccessKeyId: setting({
    env: "OSS_ACCESS_KEY_ID",
    key: "oss.access_key_id",
    schema: optionalText,
    fallback: undefined,
    text: "Access key id.",
    secret: true,
  }),
  ossAccessKeySecret: setting({
    env: "OSS_ACCESS_KEY_SECRET",
    key: "oss.access_key_secret",
    schema: optionalText,
    fallback: undefined,
    text: "Access key secret.",
    secret: true,
  }),
  ossPublicBaseUrl: setting({
    env: "OSS_PUBLIC_BASE_URL",
    key: "oss.public_base_url",
    schema: z.url({ protocol: /^https?$/ }).optional(),
    fallback: undefined,
    fallbackText: "`https://BUCKET.ENDPOINT`",
    text: "Base of result URLs, e.g. a custom domain.",
  }),
  ossInternal: setting({
    env: "OSS_INTERNAL",
    key: "oss.internal",
    schema: flag,
    fallback: false,
    text: "Upload over the internal endpoint of the region.",
  }),
  ossCname: setting({
    env: "OSS_CNAME",
    key: "oss.cname",
    schema: flag,
    fallback: false,
    text: "The endpoint is a custom domain bound to the bucket.",
  }),
  ossSignedUrlSeconds: setting({
    env: "OSS_SIGNED_URL_SECONDS",
    key: "oss.signed_url_seconds",
    schema: positive.optional(),
    fallback: undefined,
    fallbackText: "plain URLs",
    text: "Give signed result URLs that hold so long, made afresh at each read.",
  }),
} as const;
