import { describe, expect, test } from "vitest";
import { findFault } from "../../../../src/comfy/faults/find-fault.js";
import { type FaultFamily, KNOWN_FAULTS } from "../../../../src/comfy/faults/known-faults.js";

/** What the reports that the table names, and others like them, show. */
const REPORTED: Readonly<Record<FaultFamily, readonly (readonly [string, string])[]>> = {
  memory: [
    ["torch.OutOfMemoryError", "Allocation on device "],
    ["torch.cuda.OutOfMemoryError", "CUDA out of memory. Tried to allocate 2.00 GiB"],
    ["MemoryError", ""],
    ["numpy.core._exceptions._ArrayMemoryError", "Unable to allocate 3.72 GiB for an array"],
    ["RuntimeError", "Allocation on device 0 would exceed allowed memory. (out of memory)"],
    ["RuntimeError", "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB capacity)"],
    ["RuntimeError", "HIP out of memory. Tried to allocate 6.46 GiB. GPU 0 has a total capacity"],
    ["RuntimeError", "XPU out of memory. Tried to allocate 5.12 GiB (GPU 0; 15.11 GiB total)"],
    ["RuntimeError", "MPS backend out of memory (MPS allocated: 16.91 GB, other allocations: 2)"],
    ["RuntimeError", "Invalid buffer size: 19.38 GiB"],
    ["RuntimeError", "CUDA error: out of memory\nCUDA kernel errors might be asynchronously"],
    ["torch.AcceleratorError", "torch.AcceleratorError: CUDA error: out of memory\nSearch for"],
    ["RuntimeError", "CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"],
    ["RuntimeError", "cuDNN error: CUDNN_STATUS_ALLOC_FAILED"],
    [
      "RuntimeError",
      "Could not allocate tensor with 1073741824 bytes. There is not enough GPU video memory available!",
    ],
    [
      "RuntimeError",
      "Native API failed. Native API returns: 39 (UR_RESULT_ERROR_OUT_OF_DEVICE_MEMORY)",
    ],
    [
      "RuntimeError",
      "Native API failed. Native API returns: -5 (PI_ERROR_OUT_OF_RESOURCES) -5 (PI_ERROR_OUT_OF_RESOURCES)",
    ],
    [
      "RuntimeError",
      'NVML_SUCCESS == r INTERNAL ASSERT FAILED at "../c10/cuda/CUDACachingAllocator.cpp":830, please report a bug',
    ],
    [
      "RuntimeError",
      "[enforce fail at alloc_cpu.cpp:115] data. DefaultCPUAllocator: not enough memory: you tried to allocate 3376447488 bytes.",
    ],
    [
      "RuntimeError",
      "[enforce fail at ..\\c10\\core\\impl\\alloc_cpu.cpp:72] data. DefaultCPUAllocator: not enough memory",
    ],
    ["RuntimeError", "bad allocation"],
    ["RuntimeError", "std::bad_alloc"],
    ["OSError", "[Errno 12] Cannot allocate memory"],
    ["OSError", "The paging file is too small for this operation to complete. (os error 1455)"],
    [
      "OSError",
      "Le fichier de pagination est insuffisant pour terminer cette opération. (os error 1455)",
    ],
    ["OSError", "[WinError 1455] The paging file is too small for this operation to complete"],
    [
      "Exception",
      "Unable to allocate 75.5 GiB for an array with shape (3256, 1920, 1080, 3) and data type float32",
    ],
    [
      "onnxruntime.capi.onnxruntime_pybind11_state.RuntimeException",
      "[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : Non-zero status code returned while running Conv node. Name:'Conv_0' Status Message: bfc_arena.cc:376 Failed to allocate memory for requested buffer of size 140450031544320",
    ],
    [
      "cv2.error",
      "OpenCV(4.7.0) D:\\a\\opencv\\modules\\core\\src\\alloc.cpp:73: error: (-4:Insufficient memory) Failed to allocate 139460608 bytes in function 'cv::OutOfMemoryError'",
    ],
  ],
  files: [
    [
      "safetensors_rust.SafetensorError",
      "Error while deserializing header: MetadataIncompleteBuffer",
    ],
    ["SafetensorError", "Error while deserializing header: HeaderTooLarge"],
    ["SafetensorError", "Error while deserializing header: HeaderTooSmall"],
    ["SafetensorError", "Error while deserializing header: InvalidHeaderDeserialization"],
    [
      "SafetensorError",
      "Error while deserializing header: incomplete metadata, file not fully covered",
    ],
    [
      "ValueError",
      "Error while deserializing header: MetadataIncompleteBuffer\n\nFile path: C:\\models\\x.safetensors\n\nThe safetensors file is incomplete.",
    ],
    ["_pickle.UnpicklingError", "invalid load key, 'v'."],
    ["RuntimeError", "invalid load key, '<'."],
    [
      "RuntimeError",
      "Weights only load failed. In PyTorch 2.6, we changed the default value of the `weights_only`",
    ],
    [
      "RuntimeError",
      "PytorchStreamReader failed reading zip archive: failed finding central directory",
    ],
    ["RuntimeError", "unexpected EOF, expected 5573930 more bytes. The file might be corrupted."],
    ["EOFError", "Ran out of input"],
    [
      "OSError",
      "Consistency check failed: file should be of size 133466304 but has size 635 (x.safetensors).",
    ],
    ["ValueError", "GGUF magic invalid"],
    [
      "onnxruntime.capi.onnxruntime_pybind11_state.InvalidProtobuf",
      "[ONNXRuntimeError] : 7 : INVALID_PROTOBUF : Load model from F:\\models\\x.onnx failed:Protobuf parsing failed.",
    ],
    ["spandrel.__helpers.registry.UnsupportedModelError", ""],
    ["RuntimeError", "ERROR: Could not detect model type of: C:\\models\\checkpoints\\x.ckpt"],
    [
      "RuntimeError",
      "Error(s) in loading state_dict for Flux:\n\tsize mismatch for img_in.weight: copying a param with shape",
    ],
    [
      "FileNotFoundError",
      "Model in folder 'checkpoints' with filename 'sdxl\\sd_xl_base_1.0.safetensors' not found.",
    ],
    ["AttributeError", "'NoneType' object has no attribute 'lower'\n"],
    ["FileNotFoundError", 'No such file or directory: "/srv/models/x.safetensors"'],
    ["FileNotFoundError", "[Errno 2] No such file or directory: '/srv/models/x.pth'"],
    [
      "OSError",
      "Error no file named pytorch_model.bin, model.safetensors found in directory /srv/models/x.",
    ],
    ["PermissionError", "[Errno 13] Permission denied: '/srv/models/x.tflite'"],
  ],
  network: [
    [
      "ConnectionError",
      "HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded",
    ],
    [
      "requests.exceptions.ProxyError",
      "(MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443): Max retries exceeded with url: /a\"))",
    ],
    ["OSError", "(MaxRetryError(\"HTTPSConnectionPool(host='huggingface.co', port=443)\"))"],
    ["RuntimeError", "HTTPSConnectionPool(host='cdn.example.org', port=443): Read timed out."],
    [
      "OSError",
      "We couldn't connect to 'https://huggingface.co' to load this file, couldn't find it in the cached files",
    ],
    [
      "huggingface_hub.errors.LocalEntryNotFoundError",
      "An error happened while trying to locate the file on the Hub and we cannot find the requested files",
    ],
    [
      "huggingface_hub.errors.GatedRepoError",
      "401 Client Error. (Request ID: Root=1-68c4f8d9)\n\nCannot access gated repo for url",
    ],
    ["huggingface_hub.errors.RepositoryNotFoundError", "401 Client Error. (Request ID: Root=1)"],
    ["urllib.error.URLError", "<urlopen error [WinError 10060] A connection attempt failed>"],
    ["OSError", "[Errno 101] Network is unreachable"],
    ["socket.gaierror", "[Errno -3] Temporary failure in name resolution"],
  ],
  installation: [
    ["ModuleNotFoundError", "No module named 'flash_attn'"],
    ["ImportError", "Could not find working import path for model. Tried: ['models.dit_v2.nadit']"],
    ["importlib.metadata.PackageNotFoundError", "No package metadata was found for bitsandbytes"],
    [
      "torch._inductor.exc.InductorError",
      "ImportError: DLL load failed while importing cuda_utils: The specified module could not be found.",
    ],
    ["OSError", "libX11.so.6: cannot open shared object file: No such file or directory"],
    ["AttributeError", "module 'cv2' has no attribute 'VideoCapture'"],
    ["torch._inductor.exc.TritonMissing", "Cannot find a working triton installation. Either the"],
    [
      "torch._dynamo.exc.BackendCompilerFailed",
      "backend='inductor' raised:\nRuntimeError: Cannot find a working triton installation. Either the",
    ],
    [
      "torch._dynamo.exc.BackendCompilerFailed",
      "backend='inductor' raised:\nRuntimeError: Failed to find C compiler. Please specify via CC",
    ],
    [
      "triton.runtime.errors.OutOfResources",
      "out of resource: shared memory, Required: 106496, Hardware limit: 65536. Reducing block sizes",
    ],
    [
      "torch._inductor.exc.InductorError",
      "RuntimeError: No valid triton configs. OutOfResources: out of resource: shared memory, Required: 165888",
    ],
    [
      "RuntimeError",
      "CUDA error: no kernel image is available for execution on the device (at E:\\gemv_awq.cu:313)",
    ],
    [
      "torch.AcceleratorError",
      "CUDA error: no kernel image is available for execution on the device\nSearch for",
    ],
    ["RuntimeError", "HIP error: invalid device function\nHIP kernel errors might be"],
    ["AssertionError", "Torch not compiled with CUDA enabled"],
    ["RuntimeError", "Found no NVIDIA driver on your system. Please check that you have an NVIDIA"],
    ["RuntimeError", "The NVIDIA driver on your system is too old (found version 11040)."],
    [
      "RuntimeError",
      "Attempting to deserialize object on a CUDA device but torch.cuda.is_available() is False. If you",
    ],
  ],
  system: [
    ["RuntimeError", "can't start new thread"],
    ["BlockingIOError", "[Errno 11] Resource temporarily unavailable"],
    ["OSError", "[Errno 116] Stale file handle"],
    ["OSError", "[Errno 70] Stale NFS file handle: '/Volumes/models'"],
    ["OSError", "[Errno 28] No space left on device: '/srv/output/x.png'"],
    ["av.error.OSError", "[Errno 28] No space left on device: '/srv/output/x.mp4'"],
    ["OSError", "[Errno 122] Disk quota exceeded"],
    ["OSError", "[Errno 30] Read-only file system: '/srv/output'"],
    ["OSError", "[Errno 24] Too many open files"],
    ["OSError", "[Errno 5] Input/output error"],
    ["Exception", "Upscaling failed: OSError: [Errno 116] Stale file handle: '/srv/models/x.pth'"],
  ],
  device: [
    ["RuntimeError", "CUDA error: an illegal memory access was encountered\nCUDA kernel errors"],
    ["RuntimeError", "CUDA error: device-side assert triggered"],
    ["RuntimeError", "CUDA error: unknown error"],
    [
      "RuntimeError",
      "CUDA error: CUBLAS_STATUS_INTERNAL_ERROR when calling `cublasSgemm( handle)`",
    ],
    ["RuntimeError", "HIP error: unspecified launch failure"],
    ["torch.AcceleratorError", "an illegal memory access was encountered"],
    ["Exception", "Sampling failed: RuntimeError: CUDA error: device-side assert triggered"],
    ["RuntimeError", "cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"],
    ["RuntimeError", "miopenStatusInternalError"],
    ["RuntimeError", "CUDA unknown error - this may be due to an incorrectly set up environment"],
    ["RuntimeError", "No CUDA GPUs are available"],
    ["RuntimeError", "Unexpected error from cudaGetDeviceCount(). Did you run some cuda functions"],
    ["RuntimeError", "Native API failed. Native API returns: 20 (UR_RESULT_ERROR_DEVICE_LOST)"],
    ["RuntimeError", "level_zero backend failed with error: 20 (UR_RESULT_ERROR_DEVICE_LOST)"],
    [
      "RuntimeError",
      "The GPU device instance has been suspended. Use GetDeviceRemovedReason to determine the action.",
    ],
    [
      "RuntimeError",
      'NVML_SUCCESS == DriverAPI::get()->nvmlInit_v2_() INTERNAL ASSERT FAILED at "../c10/x.cpp":813',
    ],
  ],
  task: [
    ["PIL.UnidentifiedImageError", "cannot identify image file <_io.BytesIO object at 0x000002>"],
    ["PIL.UnidentifiedImageError", "cannot identify image file '/srv/input/x.png'\n"],
    [
      "PIL.Image.DecompressionBombError",
      "Image size (400000000 pixels) exceeds limit of 178956970 pixels, could be decompression bomb",
    ],
    ["OSError", "image file is truncated (0 bytes not processed)"],
    ["OSError", "unrecognized data stream contents when reading image file"],
    ["OSError", "broken data stream when reading image file"],
    ["RuntimeError", "No frames generated"],
    [
      "RuntimeError",
      "Calculated padded input size per channel: (66 x 2). Kernel size: (3 x 3). Kernel size can't be greater than actual input size",
    ],
    [
      "Exception",
      "An error occured in the ffmpeg subprocess:\n[libx264 @ 0x55cb2a2dedc0] width not divisible by 2 (759x1024)\nError initializing output stream",
    ],
    ["Exception", "[libx264 @ 0000022da6e12440] height not divisible by 2 (1058x793)"],
  ],
};

const EXAMPLES = Object.entries(REPORTED).flatMap(([family, texts]) =>
  texts.map(([type, text]) => [family, type, text] as const),
);

function found(exception_type: string, exception_message: string) {
  return findFault({ exception_type, exception_message });
}

test.each(EXAMPLES)("is %s: %s: %s", (family, type, text) => {
  expect(found(type, text)?.family).toBe(family);
});

describe("the table", () => {
  const rows = KNOWN_FAULTS.flatMap(([, faults]) => faults);

  test("has no row without an example, and none that another row hides", () => {
    const met = new Set(EXAMPLES.map(([, type, text]) => found(type, text)?.fault));
    expect(rows.filter((row) => !met.has(row))).toEqual([]);
  });

  test("names a public report for each row", () => {
    for (const { report } of rows) expect(report).toMatch(/^[\w.-]+\/[\w.-]+ \d+$/);
  });

  test("matches texts from their beginning only, and nothing without a type or a text", () => {
    for (const { types, text } of rows) {
      expect(types !== undefined || text !== undefined).toBe(true);
      expect(text?.source ?? "^").toMatch(/^\^/);
      expect(text?.flags ?? "").toBe("");
    }
  });
});

test.each([
  ["ValueError", "boom value_error\n"],
  ["KeyError", ""],
  ["", ""],
  ["av.error.ExternalError", "Generic error in an external library: 'avcodec_open2(libx264)'"],
  // An older node, or a network that does not fit, says the same as an input that does not fit.
  ["RuntimeError", "Sizes of tensors must match except in dimension 1. Expected size 240 but got"],
  ["RuntimeError", "Padding size should be less than the corresponding input dimension, but got"],
  ["TypeError", "new_task_done() got an unexpected keyword argument 'process_item'"],
  ["FileNotFoundError", "[Errno 2] No such file or directory: '/srv/input/x.png'"],
  ["OSError", "[Errno 22] Invalid argument: 'avcodec_send_frame()'"],
])("is unknown: %s: %s", (type, text) => {
  expect(found(type, text)).toBeUndefined();
});

test.each([
  ["ValueError", "Cannot read 'out of memory.png'"],
  ["ValueError", "Cannot read 'CUDA error: out of memory.png'"],
  ["ValueError", 'Cannot read "a: [Errno 28] No space left on device"'],
  ["ValueError", "Invalid image No module named x.png"],
  ["FileNotFoundError", "[Errno 2] No such file or directory: '/srv/input/x.pth.png'"],
  ["OSError", "[Errno 22] Invalid argument: 'Stale file handle.png'"],
  ["RuntimeError", "the prompt says: 'cuDNN error: none'"],
])("does not take a file's name for an error: %s: %s", (type, text) => {
  expect(found(type, text)).toBeUndefined();
});

test("takes an unreadable picture for the task's fault, whatever its name", () => {
  const text = "cannot identify image file '/srv/input/CUDA error: out of memory.png'";
  expect(found("PIL.UnidentifiedImageError", text)?.family).toBe("task");
});

describe("a hostile text", () => {
  const repeated = [
    "[Errno 28] ",
    "(MaxRetryError",
    "RuntimeError: ",
    "CUDA error ",
    "[ONNXRuntimeError] : Failed to allocate ",
    "[enforce fail at alloc_cpu.cpp",
    "No such file or directory: .pth",
    "OpenCV(4.7.0) (-4:Insufficient ",
    "Native API failed. Native API returns: 1 (A_OUT_OF_",
    "(os error 1455",
    "a.so",
    "\n",
    "'",
    "\u0000",
  ];

  test.each(repeated)("of %j without end is looked at once", (part) => {
    expect(() => found("OSError", part.repeat(200_000))).not.toThrow();
    expect(() => found(part.repeat(200_000), part)).not.toThrow();
  });

  test("does not hide what it begins with", () => {
    const text = `[Errno 28] No space left on device: '${"x\n".repeat(200_000)}`;
    expect(found("OSError", text)?.family).toBe("system");
  });
});
