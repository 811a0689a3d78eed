import { serveLocalOutputs } from "../support/local-outputs.js";
import { describeObjectStorage } from "./object-storage.contract.js";

describeObjectStorage("local disk", () => serveLocalOutputs());
