/**
 * Errors of nodes that tell by themselves what is wrong. Each row names a public report of it, as
 * owner/repository and number; from it the error's type and text are taken, and nothing else. What
 * is in no row may be anybody's fault.
 *
 * A text is matched from its beginning, and never somewhere within, because errors name files, and
 * a file may be called `out of memory.png`.
 */
import type { ServerTrouble } from "../../domain/errors.js";

/**
 * What is wrong. `memory`: none is left, on the GPU or beside it; `task`: the input cannot be
 * processed, wherever it is tried. The others are troubles of a server.
 */
export type FaultFamily = ServerTrouble["kind"] | "memory" | "task";

/** A row of the table. What it does not state may be anything. */
export interface KnownFault {
  /** The last parts of the `exception_type`s, such as `OSError` or `OutOfMemoryError`. */
  readonly types?: readonly string[];
  /** Starts with `^`, and takes linear time. */
  readonly text?: RegExp;
  readonly report: string;
}

const memory: readonly KnownFault[] = [
  { types: ["OutOfMemoryError"], report: "Comfy-Org/ComfyUI 4852" },
  { types: ["MemoryError", "_ArrayMemoryError"], report: "Gourieff/ComfyUI-ReActor 84" },
  { text: /^Allocation on device\b/, report: "Comfy-Org/ComfyUI 5886" },
  { text: /^(?:CUDA|HIP) out of memory\b/, report: "Comfy-Org/ComfyUI 6475" },
  { text: /^XPU out of memory\b/, report: "Comfy-Org/ComfyUI 8767" },
  { text: /^MPS backend out of memory\b/, report: "Comfy-Org/ComfyUI 7171" },
  { text: /^Invalid buffer size: [\d.]+ [KMGT]i?B/, report: "kijai/ComfyUI-SUPIR 151" },
  { text: /^(?:CUDA|HIP) error: out of memory\b/, report: "Comfy-Org/ComfyUI 10566" },
  {
    text: /^(?:(?:CUDA|HIP|cuDNN|cuFFT) error: )?(?:CUBLAS|CUDNN|CUFFT|HIPBLAS)_(?:STATUS_)?ALLOC_FAILED/,
    report: "nerdyrodent/VQGAN-CLIP 92",
  },
  {
    text: /^Could not allocate tensor with \d+ bytes\. There is not enough GPU video memory/,
    report: "Comfy-Org/ComfyUI 1708",
  },
  {
    text: /^Native API failed\. Native API returns: -?\d+ \(\w{2,15}_OUT_OF_[A-Z]/,
    report: "intel/intel-extension-for-pytorch 854",
  },
  // PyTorch fails so where it asks how much the others use, after an allocation has failed.
  { text: /^NVML_SUCCESS == r INTERNAL ASSERT FAILED/, report: "fal-ai/fal 478" },
  {
    text: /^\[enforce fail at [^\]]{0,300}alloc_cpu\.cpp:\d+\]/,
    report: "Comfy-Org/ComfyUI 7481",
  },
  { text: /^(?:std::bad_alloc|bad allocation)\b/, report: "Comfy-Org/ComfyUI 2875" },
  { text: /^\[Errno 12\] Cannot allocate memory/, report: "Zulko/moviepy 903" },
  // Windows says the sentence in its own language.
  {
    types: ["OSError"],
    text: /^(?:\[WinError 1455\]|[^\n]*\(os error 1455\))/,
    report: "Comfy-Org/ComfyUI 8065",
  },
  {
    text: /^Unable to allocate [\d.]+ [KMGT]?i?B for an array with shape /,
    report: "billwuhao/Comfyui_HeyGem 14",
  },
  {
    text: /^\[ONNXRuntimeError\] : [^\n]*Failed to allocate memory for requested buffer of size \d/,
    report: "smthemex/ComfyUI_TRELLIS 14",
  },
  {
    types: ["error"],
    text: /^OpenCV\([\d.]+\) [^\n]*\(-4:Insufficient memory\)/,
    report: "Mikubill/sd-webui-controlnet 227",
  },
];

const files: readonly KnownFault[] = [
  {
    text: /^Error while deserializing header\b/,
    report: "numz/ComfyUI-SeedVR2_VideoUpscaler 128",
  },
  { types: ["UnpicklingError"], report: "mcmonkeyprojects/SwarmUI 406" },
  { text: /^invalid load key, '/, report: "Comfy-Org/ComfyUI 6221" },
  { text: /^Weights only load failed\b/, report: "Comfy-Org/ComfyUI 9385" },
  { text: /^PytorchStreamReader failed\b/, report: "Comfy-Org/ComfyUI 7469" },
  {
    text: /^unexpected EOF, expected \d+ more bytes\. The file might be corrupted/,
    report: "kijai/ComfyUI-CogVideoXWrapper 303",
  },
  { types: ["EOFError"], text: /^Ran out of input/, report: "Miosp/ComfyUI-FBCNN 5" },
  {
    text: /^Consistency check failed: file should be of size \d/,
    report: "huggingface/huggingface_hub 2589",
  },
  { text: /^GGUF magic invalid/, report: "city96/ComfyUI-GGUF 43" },
  { text: /^\[ONNXRuntimeError\] : 7 : INVALID_PROTOBUF\b/, report: "Comfy-Org/ComfyUI 7691" },
  { types: ["UnsupportedModelError"], report: "chaiNNer-org/spandrel 322" },
  { text: /^ERROR: Could not detect model type of\b/, report: "Comfy-Org/ComfyUI 5494" },
  { text: /^Error\(s\) in loading state_dict for /, report: "Comfy-Org/ComfyUI 7333" },
  { text: /^Model in folder '/, report: "mcmonkeyprojects/SwarmUI 599" },
  // Until autumn 2024, ComfyUI says so of a model that it does not find.
  {
    types: ["AttributeError"],
    text: /^'NoneType' object has no attribute 'lower'$/,
    report: "Comfy-Org/ComfyUI 4220",
  },
  {
    types: ["FileNotFoundError"],
    text: /^(?:\[Errno 2\] )?No such file or directory: [^\n]*\.(?:safetensors|sft|ckpt|pth|pt|bin|gguf|onnx)["']?$/,
    report: "kijai/ComfyUI-CCSR 24",
  },
  { types: ["OSError"], text: /^Error no file named /, report: "Comfy-Org/ComfyUI 7237" },
  {
    types: ["PermissionError"],
    text: /^\[Errno 13\] Permission denied\b/,
    report: "chflame163/ComfyUI_LayerStyle 333",
  },
];

const network: readonly KnownFault[] = [
  {
    types: ["ConnectionError", "ConnectTimeout", "ReadTimeout", "ProxyError", "SSLError"],
    report: "hanamizuki-ai/launcher-support 77",
  },
  { text: /^['"(]{0,4}MaxRetryError\(/, report: "Comfy-Org/ComfyUI 5639" },
  { text: /^HTTPS?ConnectionPool\(host=/, report: "Comfy-Org/ComfyUI 1549" },
  { text: /^We couldn't connect to '/, report: "Comfy-Org/ComfyUI 5695" },
  { types: ["LocalEntryNotFoundError"], report: "Fannovel16/comfyui_controlnet_aux 498" },
  {
    types: ["GatedRepoError", "RepositoryNotFoundError"],
    report: "nunchux-ai/ComfyUI-nunchaku 568",
  },
  { types: ["URLError"], report: "Comfy-Org/desktop 542" },
  {
    text: /^\[Errno -?\d+\] (?:Network is unreachable|Temporary failure in name resolution)/,
    report: "Gourieff/comfyui-reactor-node 234",
  },
];

const installation: readonly KnownFault[] = [
  { types: ["ModuleNotFoundError"], report: "kijai/ComfyUI-WanVideoWrapper 783" },
  { types: ["ImportError"], report: "numz/ComfyUI-SeedVR2_VideoUpscaler 3" },
  { types: ["PackageNotFoundError"], report: "Comfy-Org/ComfyUI 7756" },
  { text: /^DLL load failed while importing /, report: "billwuhao/ComfyUI_ACE-Step 35" },
  {
    text: /^[\w.+-]+\.so[.\d]*: cannot open shared object file/,
    report: "Comfy-Org/ComfyUI 14728",
  },
  {
    types: ["AttributeError"],
    text: /^(?:partially initialized )?module '[\w.]+' has no attribute '/,
    report: "Kosinkadink/ComfyUI-VideoHelperSuite 304",
  },
  {
    text: /^(?:backend='inductor' raised:\s+RuntimeError: )?Cannot find a working triton installation/,
    report: "kijai/ComfyUI-WanVideoWrapper 1400",
  },
  {
    text: /^(?:backend='inductor' raised:\s+RuntimeError: )?Failed to find C compiler/,
    report: "kijai/ComfyUI-CogVideoXWrapper 328",
  },
  // The GPU lacks what the kernel was made for. It is no want of memory that another size mends.
  {
    text: /^(?:No valid triton configs\. OutOfResources: )?out of resource: shared memory\b/,
    report: "thu-ml/SageAttention 234",
  },
  {
    text: /^(?:CUDA|HIP) error: no kernel image is available\b/,
    report: "nunchux-ai/nunchaku 153",
  },
  { text: /^HIP error: invalid device function/, report: "Comfy-Org/ComfyUI 6656" },
  // Nodes that ask for CUDA on a server that does without it.
  { text: /^Torch not compiled with CUDA enabled/, report: "Comfy-Org/ComfyUI 3377" },
  {
    text: /^(?:Found no NVIDIA driver|The NVIDIA driver) on your system\b/,
    report: "Comfy-Org/ComfyUI 5085",
  },
  {
    text: /^Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False/,
    report: "filipemeneses/comfy_pixelization 7",
  },
];

const system: readonly KnownFault[] = [
  { text: /^can't start new thread/, report: "sgl-project/SpecForge 264" },
  {
    text: /^\[Errno \d+\] Resource temporarily unavailable/,
    report: "facebookresearch/detectron2 3900",
  },
  { text: /^\[Errno \d+\] Stale (?:NFS )?file handle/, report: "hiyouga/LlamaFactory 3243" },
  { text: /^\[Errno \d+\] No space left on device/, report: "kijai/ComfyUI-Geowizard 10" },
  { text: /^\[Errno \d+\] Disk quota exceeded/, report: "Comfy-Org/ComfyUI 8932" },
  { text: /^\[Errno \d+\] Read-only file system/, report: "Comfy-Org/ComfyUI 5660" },
  {
    text: /^\[Errno \d+\] Too many open files/,
    report: "Kosinkadink/ComfyUI-VideoHelperSuite 489",
  },
  { text: /^\[Errno \d+\] Input\/output error/, report: "Comfy-Org/ComfyUI 6452" },
];

const device: readonly KnownFault[] = [
  { text: /^(?:CUDA|HIP) error: /, report: "Comfy-Org/ComfyUI 5428" },
  { types: ["AcceleratorError"], report: "Comfy-Org/ComfyUI 14756" },
  { text: /^cuDNN error: /, report: "patientx/ComfyUI-Zluda 284" },
  { text: /^miopenStatus[A-Z]/, report: "Comfy-Org/ComfyUI 12142" },
  { text: /^CUDA unknown error\b/, report: "patientx/ComfyUI-Zluda 231" },
  { text: /^No CUDA GPUs are available/, report: "patientx/ComfyUI-Zluda 201" },
  { text: /^Unexpected error from cudaGetDeviceCount\(\)/, report: "ai-dock/comfyui 52" },
  {
    text: /^(?:Native API failed\.|level_zero backend failed) [^\n]*\(UR_RESULT_ERROR_DEVICE_LOST\)/,
    report: "Comfy-Org/ComfyUI 10847",
  },
  { text: /^The GPU device instance has been suspended/, report: "lllyasviel/Fooocus 1069" },
  {
    text: /^NVML_SUCCESS == DriverAPI::get\(\)->nvmlInit_v2_\(\)/,
    report: "pytorch/pytorch 130486",
  },
];

const task: readonly KnownFault[] = [
  { types: ["UnidentifiedImageError"], report: "Acly/comfyui-tooling-nodes 12" },
  { types: ["DecompressionBombError"], report: "sipherxyz/comfyui-art-venture 36" },
  { types: ["OSError"], text: /^image file is truncated\b/, report: "Comfy-Org/ComfyUI 2692" },
  {
    types: ["OSError"],
    text: /^(?:broken|unrecognized) data stream (?:contents )?when reading image file/,
    report: "Comfy-Org/ComfyUI 9676",
  },
  { text: /^No frames generated/, report: "Comfy-Org/ComfyUI 4712" },
  {
    text: /^Calculated padded input size per channel: [^\n]*Kernel size can't be greater than actual input size/,
    report: "Comfy-Org/ComfyUI 7095",
  },
  {
    text: /^\[libx26[45] @ \w+\] (?:width|height) not divisible by 2\b/,
    report: "kijai/ComfyUI-DynamiCrafterWrapper 18",
  },
];

/**
 * The table. The first row that fits counts: `CUDA error: out of memory` is want of memory, for
 * which there is a remedy, and no broken GPU.
 */
export const KNOWN_FAULTS: readonly (readonly [FaultFamily, readonly KnownFault[]])[] = [
  ["memory", memory],
  ["installation", installation],
  ["device", device],
  ["files", files],
  ["network", network],
  ["system", system],
  ["task", task],
];
