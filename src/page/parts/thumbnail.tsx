import { useState } from "preact/hooks";
import { type Task, TaskType } from "../../client/gen/tmlsr/v1/task_pb.js";
import { Icon } from "./icon.js";
import { newestSide, previewUrl } from "./picture-url.js";

/** The result small, before there is one the input, before that a sign of what it is. */
export function Thumbnail({ task }: { readonly task: Task }) {
  const [brokenUrl, setBrokenUrl] = useState("");
  const side = newestSide(task);
  const url = side && previewUrl(task, side, 320);
  return (
    <span class="thumbnail">
      <Icon name={task.type === TaskType.VIDEO ? "film" : "picture"} />
      {url !== undefined && url !== brokenUrl && (
        <img src={url} alt="" decoding="async" onError={() => setBrokenUrl(url)} />
      )}
    </span>
  );
}
