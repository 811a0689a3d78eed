import { openOss, startOss } from "../support/oss-server-fixture.js";
import { describeObjectStorage } from "./object-storage.contract.js";

describeObjectStorage("OSS, public bucket", async () => ({
  storage: openOss(await startOss({ isPublic: true, listedObjectCount: 2 })),
}));

describeObjectStorage("OSS, private bucket with signed URLs", async () => ({
  storage: openOss(await startOss(), { signedUrlMs: 60_000 }),
}));
