/** Where the bucket is, who may write to it and how its objects are shown. */
export interface OssOptions {
  /**
   * Host name, with scheme and port where they differ from https and its own. An IP address or a
   * name without a dot is called in path style, as private clouds and emulators want it.
   */
  readonly endpoint: string;
  /** With or without the leading `oss-`; absent: taken from the endpoint. */
  readonly region?: string;
  readonly bucket: string;
  /** Needed unless there is a `credentialsUrl`. */
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  /** Belongs to a temporary access key. */
  readonly stsToken?: string;
  /** `http:`, `https:` or `file:`; answers temporary credentials with their expiration. */
  readonly credentialsUrl?: string;
  /** What object URLs begin with, without a slash at the end; absent: made of bucket and endpoint. */
  readonly publicBaseUrl?: string;
  /** Upload over the region's internal endpoint; object URLs keep the public one. */
  readonly internal: boolean;
  /** The endpoint is a custom domain bound to the bucket. */
  readonly cname: boolean;
  /** Object URLs are signed and hold so long, at most 7 days; absent: plain. */
  readonly signedUrlMs?: number;
}
