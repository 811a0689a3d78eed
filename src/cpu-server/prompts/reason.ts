import type { JsonObject } from "../json.js";

/** One problem of a node, as it is sent. */
export interface Reason extends JsonObject {
  type: string;
  message: string;
  details: string;
  extra_info: JsonObject;
}
