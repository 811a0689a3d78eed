import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { TaskSchema, TaskStatus } from "../../../src/client/gen/tmlsr/v1/task_pb.js";
import { TaskTable } from "../../../src/page/live/task-table.js";

const aTask = (
  taskId: string,
  createdMs: number,
  updatedMs: number,
  others: MessageInitShape<typeof TaskSchema> = {},
) =>
  create(TaskSchema, {
    ...{ taskId, status: TaskStatus.PROCESSING },
    createdAt: timestampFromMs(createdMs),
    updatedAt: timestampFromMs(updatedMs),
    ...others,
  });

const all = (table: TaskTable) => table.select(() => true).map(({ taskId }) => taskId);

describe("the tasks that the page knows", () => {
  it("are listed newest first", () => {
    const table = new TaskTable();
    table.merge([aTask("a", 1, 1), aTask("c", 3, 3), aTask("b", 2, 2), aTask("d", 3, 3)]);
    expect(all(table)).toEqual(["d", "c", "b", "a"]);
  });

  it("never go back to an older state, whatever order states come in", () => {
    const table = new TaskTable();
    table.merge([aTask("a", 1, 9, { progress: 90 }), aTask("a", 1, 5, { progress: 50 })]);
    expect(table.get("a")?.value.progress).toBe(90);
    table.merge([aTask("a", 1, 9, { status: TaskStatus.COMPLETED })]);
    table.merge([aTask("a", 1, 10, { progress: 95 })]);
    expect(table.get("a")?.value.status).toBe(TaskStatus.COMPLETED);
  });

  it("change the shape of a list when one comes, goes or ends, but not with its progress", () => {
    const table = new TaskTable();
    const shapes: number[] = [];
    table.shape.subscribe((shape) => shapes.push(shape));
    table.merge([aTask("a", 1, 1)]);
    table.merge([aTask("a", 1, 2, { progress: 50 })]);
    expect(shapes).toHaveLength(2);
    table.merge([aTask("a", 1, 3, { status: TaskStatus.FAILED })]);
    table.remove("a");
    expect(shapes).toHaveLength(4);
    expect(all(table)).toEqual([]);
  });

  it("are forgotten where they had not ended and the stream begins anew", () => {
    const table = new TaskTable();
    table.merge([aTask("a", 1, 1), aTask("b", 2, 2, { status: TaskStatus.COMPLETED })]);
    table.removeOpen();
    expect(all(table)).toEqual(["b"]);
  });
});
