import type { JsonObject } from "../json.js";

/** One thing wrong with a node, on the wire. */
export interface Reason extends JsonObject {
  type: string;
  message: string;
  details: string;
  extra_info: JsonObject;
}
