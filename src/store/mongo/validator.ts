import type { Document } from "mongodb";
import { TASK_STATUSES } from "../../domain/task.js";
import { chunkStatus } from "./document.js";

const whole = { bsonType: "number", minimum: 0 };
const text = { bsonType: "string" };
const date = { bsonType: "date" };
const status = { enum: [...TASK_STATUSES, ...TASK_STATUSES.map(chunkStatus)] };

/** Refuses a document that this service could not have written, whoever writes it. */
export const VALIDATOR: Document = {
  $jsonSchema: {
    bsonType: "object",
    required: [
      ...["schema", "version", "change", "changedAt", "epoch", "status", "type", "priority"],
      ...["params", "workflow", "workflowVersion", "parameters", "createdAt", "updatedAt", "dueAt"],
      ...["attempt", "takeovers", "attempts", "bypassCount", "stages", "progress"],
    ],
    properties: {
      _id: { bsonType: "string", pattern: "^[0-9a-f]{32}(-[0-9]{6})?$" },
      schema: whole,
      version: whole,
      change: {
        bsonType: "object",
        required: ["rev", "status"],
        properties: { rev: whole, status },
      },
      changedAt: date,
      epoch: whole,
      status,
      type: { enum: ["image", "video"] },
      priority: { bsonType: "number", minimum: 0, maximum: 2 },
      tenant: text,
      params: text,
      workflow: text,
      workflowVersion: text,
      parameters: text,
      createdAt: date,
      updatedAt: date,
      dueAt: date,
      turnAt: date,
      notBefore: date,
      finishedAt: date,
      retainedSince: date,
      attempt: whole,
      takeovers: whole,
      attempts: { bsonType: "array" },
      bypassCount: whole,
      stages: { bsonType: "object" },
      film: { bsonType: "object", required: ["phase", "chunkCount", "frameCount"] },
      chunk: { bsonType: "object", required: ["film", "index", "firstFrame", "frameCount"] },
      progress: { bsonType: "number", minimum: 0, maximum: 100 },
      leaseOwner: text,
      orphanAt: date,
      slot: text,
      uploadCheckpoint: text,
      labels: { bsonType: "array", items: text },
      webhook: {
        bsonType: "object",
        required: ["url", "events"],
        properties: { url: text, events: { bsonType: "array", items: text } },
      },
      idempotency: {
        bsonType: "object",
        required: ["key", "requestHash"],
        properties: { key: text, requestHash: text },
      },
    },
  },
};
