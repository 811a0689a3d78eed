import { z } from "zod";
import { flag, optionalText, positive, setting } from "./setting.js";

/** Settings of Aliyun OSS, which keeps the results in production. */
export const OSS_SETTINGS = {
  ossEndpoint: setting({
    env: "OSS_ENDPOINT",
    key: "oss.endpoint",
    schema: optionalText,
    fallback: undefined,
    fallbackText: "local disk",
    text: "Aliyun OSS endpoint, e.g. `oss-cn-hangzhou.aliyuncs.com`; it requires `OSS_BUCKET` and an access key. If it is not https on port 443, give scheme and port: `http://10.0.0.5:9000`. IP addresses and names without a dot are called in path style.",
  }),
  ossRegion: setting({
    env: "OSS_REGION",
    key: "oss.region",
    schema: optionalText,
    fallback: undefined,
    fallbackText: "from the endpoint",
    text: "Region, e.g. `oss-cn-hangzhou`; needed if the endpoint does not name it.",
  }),
  ossBucket: setting({
    env: "OSS_BUCKET",
    key: "oss.bucket_name",
    schema: z
      .string()
      .regex(
        /^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$/,
        "must be 3 to 63 lower-case letters, digits and hyphens",
      )
      .optional(),
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
  ossStsToken: setting({
    env: "OSS_STS_TOKEN",
    key: "oss.sts_token",
    schema: optionalText,
    fallback: undefined,
    text: "Security token of a temporary access key. It is not refreshed: use `OSS_CREDENTIALS_URL` for that.",
    secret: true,
  }),
  ossCredentialsUrl: setting({
    env: "OSS_CREDENTIALS_URL",
    key: "oss.credentials_url",
    schema: z.url({ protocol: /^(https?|file)$/ }).optional(),
    fallback: undefined,
    fallbackText: "the access key above",
    text: "Where to get a temporary access key, `http:`, `https:` or `file:`: JSON with `AccessKeyId`, `AccessKeySecret`, `SecurityToken` and `Expiration`, fetched anew 5 minutes before it expires. On a machine with a role: `http://100.100.100.200/latest/meta-data/ram/security-credentials/ROLE`.",
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
    text: "Upload over the internal endpoint of the region; result URLs keep the public one.",
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
    schema: positive.max(604_800).optional(),
    fallback: undefined,
    fallbackText: "plain URLs",
    text: "Makes result URLs signed and valid for so many seconds, at most 604800 (7 days). Each read makes a new one.",
  }),
} as const;
