/**
 * Settings of the bucket: its address, the credentials for writing, and the URLs of its objects.
 */
export interface OssOptions {
  /**
   * Host name. The scheme and port may be given if they are not https and its default port. For an
   * IP address or a name without a dot, path style is used, as private clouds and emulators need
   * it.
   */
  readonly endpoint: string;
  /** With or without the leading `oss-`. Absent: taken from the endpoint. */
  readonly region?: string;
  readonly bucket: string;
  /** Needed unless there is a `credentialsUrl`. */
  readonly accessKeyId?: string;
  readonly accessKeySecret?: string;
  /** Belongs to a temporary access key. */
  readonly stsToken?: string;
  /** `http:`, `https:` or `file:`. It must return temporary credentials with their expiration. */
  readonly credentialsUrl?: string;
  /**
   * The beginning of object URLs, without a slash at the end. Absent: made from bucket and
   * endpoint.
   */
  readonly publicBaseUrl?: string;
  /** Uploads use the region's internal endpoint. Object URLs keep the public one. */
  readonly internal: boolean;
  /** The endpoint is a custom domain that is bound to the bucket. */
  readonly cname: boolean;
  /**
   * Object URLs are signed and valid for this time, at most 7 days. Absent: URLs are not signed.
   */
  readonly signedUrlMs?: number;
}
