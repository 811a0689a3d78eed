import { describe, expect, test } from "vitest";
import {
  executionFailure,
  nodeErrorsError,
  plainText,
  rejectionError,
} from "../../../../src/comfy/prompt/prompt-errors.js";
import { nodeErrorsSchema, rejectionSchema } from "../../../../src/comfy/wire.js";

const address = "http://gpu1:8188";

function rejected(error: object, node_errors: object = {}) {
  return rejectionError(address, rejectionSchema.parse({ error, node_errors }));
}

function nodeError(type: string, details: string, extra_info: object = {}) {
  return {
    "1": {
      errors: [{ type, message: `Message of ${type}`, details, extra_info }],
      dependent_outputs: ["3"],
      class_type: "SomeNode",
    },
  };
}

describe("rejectionError()", () => {
  test("blames the server for a node class it does not have", () => {
    const error = rejected({
      type: "invalid_prompt",
      message: "Cannot execute because node NoSuchNode does not exist.",
      details: "Node ID '#2'",
      extra_info: {},
    });
    expect(error.code).toBe("SERVER_FAULT");
    expect(error.message).toBe(`Server "${address}" does not have node class "NoSuchNode"`);
  });

  test("knows the newer type for the same", () => {
    const error = rejected({
      type: "missing_node_type",
      message: "Node 'Upscale it' not found",
      details: "",
      extra_info: { node_id: "2", class_type: "NoSuchNode", node_title: "Upscale it" },
    });
    expect(error.code).toBe("SERVER_FAULT");
    expect(error.message).toContain('"NoSuchNode"');
  });

  test.each([
    ["invalid_prompt", "Cannot execute because a node is missing the class_type property."],
    ["prompt_no_outputs", "Prompt has no outputs"],
    ["no_prompt", "No prompt provided"],
    ["invalid_prompt_id", "prompt_id must be a valid UUID"],
    ["prompt_outputs_failed_validation", "Prompt outputs failed validation"],
  ])("blames the prompt for %s: %s", (type, message) => {
    const error = rejected({ type, message, details: "", extra_info: {} });
    expect(error.code).toBe("PROMPT_REJECTED");
    expect(error.message).toContain(message);
  });

  test.each([
    ["custom_validation_failed", "image - Invalid image file: nope.png", {}],
    ["custom_validation_failed", "video - Invalid video file: sub/nope.mp4", {}],
    ["value_not_in_list", "model_name: 'x4.pth' not in []", { received_value: "x4.pth" }],
    ["value_not_in_list", "model: 'a_3b-Q4_K_M.gguf' not in (list of length 25)", {}],
    ["value_not_in_list", "device: 'cuda:1' not in ['cuda:0']", {}],
  ])("blames the server for a file or device it lacks: %s, %s", (type, details, extra) => {
    const error = rejected(
      { type: "prompt_outputs_failed_validation", message: "Prompt outputs failed validation" },
      nodeError(type, details, extra),
    );
    expect(error.code).toBe("SERVER_FAULT");
    expect(error.message).toContain('node "1" (SomeNode)');
  });

  test.each([
    ["required_input_missing", "width"],
    ["value_bigger_than_max", "width"],
    ["value_not_in_list", "upscale_method: 'magic' not in ['area', 'lanczos']"],
    ["return_type_mismatch", "image, received_type(MASK) mismatch input_type(IMAGE)"],
    ["custom_validation_failed", "crop - must be even"],
  ])("blames the prompt for %s (%s), reason told", (type, details) => {
    const error = rejected(
      { type: "prompt_outputs_failed_validation", message: "Prompt outputs failed validation" },
      nodeError(type, details),
    );
    expect(error.code).toBe("PROMPT_REJECTED");
    expect(error.message).toContain(`Message of ${type}: ${details}`);
  });

  test("blames the prompt if anything in it is its own fault", () => {
    const nodes = nodeErrorsSchema.parse({
      ...nodeError("value_not_in_list", "model_name: 'x4.pth' not in []"),
      "2": { errors: [{ type: "required_input_missing", details: "width" }], class_type: "B" },
    });
    expect(nodeErrorsError(address, nodes).code).toBe("PROMPT_REJECTED");
  });

  test("shows no traceback of a validation that failed itself", () => {
    const error = rejected(
      { type: "prompt_outputs_failed_validation", message: "Prompt outputs failed validation" },
      nodeError("exception_during_inner_validation", "'9'", { traceback: ['File "/srv/x.py"'] }),
    );
    expect(error.message).not.toContain("/srv");
  });
});

describe("executionFailure()", () => {
  function failed(exception_type: string, exception_message: string) {
    return executionFailure({
      exception_type,
      exception_message,
      node_id: "4",
      node_type: "Upscaler",
    });
  }

  test.each([
    ["torch.OutOfMemoryError", "Allocation on device 0\nThis error means you ran out of memory"],
    ["torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB"],
    ["torch.AcceleratorError", "CUDA error: out of memory"],
    ["RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"],
    ["RuntimeError", "[enforce fail at alloc_cpu.cpp:75] DefaultCPUAllocator: not enough memory"],
    ["numpy._core._exceptions._ArrayMemoryError", "Unable to allocate 8 GiB for an array"],
    ["MemoryError", ""],
    [
      "RuntimeError",
      "Could not allocate tensor with 9 bytes. There is not enough GPU video memory",
    ],
    ["OSError", "The paging file is too small for this operation to complete. (os error 1455)"],
  ])("takes %s: %s for want of memory", (type, message) => {
    expect(failed(type, message).code).toBe("OUT_OF_MEMORY");
  });

  test.each([
    ["torch.AcceleratorError", "CUDA error: an illegal memory access was encountered"],
    ["RuntimeError", "CUDA error: device-side assert triggered"],
    ["RuntimeError", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"],
    ["RuntimeError", "No CUDA GPUs are available"],
  ])("takes %s: %s for a broken GPU", (type, message) => {
    expect(failed(type, message).code).toBe("CUDA_FAULT");
  });

  test.each([
    ["SafetensorError", "Error while deserializing header: MetadataIncompleteBuffer", "files"],
    ["UnpicklingError", "invalid load key, 'v'.", "files"],
    ["ConnectionError", "HTTPSConnectionPool(host='huggingface.co', port=443): Max", "network"],
    ["ModuleNotFoundError", "No module named 'flash_attn'", "installation"],
  ])("takes %s: %s for the server's fault that concerns the workflow", (type, message, kind) => {
    expect(failed(type, message)).toMatchObject({
      code: "SERVER_FAULT",
      trouble: { kind, concerns: "workflow" },
      isUnclear: false,
    });
  });

  test.each([
    ["OSError", "[Errno 116] Stale file handle", "SERVER_FAULT", "system"],
    ["OSError", "[Errno 28] No space left on device", "SERVER_FAULT", "system"],
    ["RuntimeError", "CUDA error: device-side assert triggered", "CUDA_FAULT", "device"],
  ])("takes %s: %s for the server's fault that concerns all of it", (type, message, code, kind) => {
    expect(failed(type, message)).toMatchObject({ code, trouble: { kind, concerns: "server" } });
  });

  test("knows for certain that an unreadable input is the task's fault", () => {
    const error = failed("PIL.UnidentifiedImageError", "cannot identify image file 'x.png'");
    expect(error).toMatchObject({ code: "PROMPT_FAILED", isUnclear: false });
  });

  test("says of an unknown error that it may be the server's fault as well", () => {
    const error = failed("ValueError", "boom");
    expect(error).toMatchObject({ code: "PROMPT_FAILED", isUnclear: true, trouble: undefined });
  });

  test.each([
    ["ValueError", "Error while deserializing header: X\n\nFile path: /srv/m.safetensors"],
    ["FileNotFoundError", "No such file or directory: '/srv/models/m.safetensors'"],
    ["RuntimeError", "ERROR: Could not detect model type of: C:\\srv\\models\\m.safetensors"],
  ])("shows no path of the server for %s: %s", (type, message) => {
    const error = failed(type, message);
    expect(error.code).toBe("SERVER_FAULT");
    expect(error.message).not.toContain("srv");
  });

  test("is short for a text without end", () => {
    expect(failed("ValueError", "a/b 'c' ".repeat(200_000)).message.length).toBeLessThan(400);
  });

  test.each([
    ["ValueError", "boom value_error\n"],
    ["PIL.UnidentifiedImageError", "cannot identify image file '/srv/comfy/input/x.png'"],
    ["av.error.ExternalError", "Generic error in an external library: libx264"],
  ])("takes %s: %s for the prompt's fault", (type, message) => {
    expect(failed(type, message).code).toBe("PROMPT_FAILED");
  });

  test("says which node failed and why, without the server's paths", () => {
    const error = failed(
      "PIL.UnidentifiedImageError",
      "cannot identify image file '/srv/comfy/input/x.png'\n",
    );
    expect(error.message).toBe(`Cannot run node "Upscaler": cannot identify image file 'x.png'`);
  });

  test("leaves out the hint on memory that is for whoever runs the server", () => {
    const error = failed(
      "torch.OutOfMemoryError",
      "Allocation on device 0 would exceed allowed memory. This error means you ran out of memory on your GPU.\n\nTIPS: …",
    );
    expect(error.message).toBe(
      'Ran out of memory in node "Upscaler": Allocation on device 0 would exceed allowed memory.',
    );
  });

  test("falls back on the type where there is no message", () => {
    expect(failed("KeyError", "").message).toBe('Cannot run node "Upscaler": KeyError');
  });
});

describe("plainText()", () => {
  test.each([
    ["a\nTraceback (most recent call last)", "a"],
    ["cannot open C:\\ComfyUI\\input\\x.png", "cannot open x.png"],
    ["No such file: '/srv/a b/models/x.pth'", "No such file: 'x.pth'"],
    ["expected float, got tensor([[[0.1, 0.2]]])", "expected float, got tensor"],
    ["ratio 1/2 of a/b", "ratio 1/2 of a/b"],
    ["see https://example.org/a/b", "see https://example.org/a/b"],
  ])("of %j is %j", (text, expected) => {
    expect(plainText(text)).toBe(expected);
  });

  test("is short", () => {
    expect(plainText("x".repeat(5_000)).length).toBeLessThan(310);
  });
});
