"""Writes tests/golden/model/NAME.safetensors: logits and a greedy continuation of transformers holding the dequantized weights of a checkpoint.

    nibble quantize models/qwen36-tiny -o FOLDER --recipe nvidia
    python tools/golden/model_quantized.py FOLDER --name nvidia

FOLDER is what nibble's quantizer or ModelOpt's export_hf_checkpoint wrote from qwen36-tiny. The weights are decoded here,
from the bytes, by formats §1.1. `digest` names the weights that the logits belong to: FNV-1a over the tensors of the text
model in the order of their names (name, then bytes), without activation scales, which weight-only execution ignores.
"""

import argparse
import json
import re
from pathlib import Path

import numpy as np
import torch

from model_oracle import GOLDEN, TINY, greedy_tensors, load_model, logits_of, sampled_logits, save, tiny_prompts


def read_tensors(folder):
    """name -> (dtype, shape, bytes) of all shards."""
    tensors = {}
    for path in sorted(Path(folder).glob("*.safetensors")):
        data = path.read_bytes()
        size = int.from_bytes(data[:8], "little")
        for name, entry in json.loads(data[8 : 8 + size]).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                tensors[name] = (entry["dtype"], entry["shape"], data[8 + size + begin : 8 + size + end])
    return tensors


def e4m3_values():
    """float32 of all 256 codes: 1 sign, 4 exponent bits with bias 7, 3 mantissa bits; no infinity, 0x7F is NaN."""
    code = np.arange(256)
    exponent, mantissa = (code >> 3) & 15, code & 7
    magnitude = np.where(exponent == 0, mantissa * 2.0**-9, (1 + mantissa / 8) * 2.0 ** (exponent - 7.0))
    magnitude[(code & 127) == 127] = np.nan
    return np.where(code < 128, magnitude, -magnitude).astype(np.float32)


E4M3 = e4m3_values()
E2M1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6, -0.0, -0.5, -1, -1.5, -2, -3, -4, -6], np.float32)


def plain(tensor):
    dtype, shape, data = tensor
    if dtype == "BF16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    return np.frombuffer(data, {"F32": np.float32, "F16": np.float16}[dtype]).astype(np.float32).reshape(shape)


def weight(tensors, module):
    """The values of module.weight, whatever its format."""
    dtype, shape, data = tensors[module + ".weight"]
    if dtype == "F8_E4M3":
        return E4M3[np.frombuffer(data, np.uint8)].reshape(shape) * plain(tensors[module + ".weight_scale"])
    if dtype != "U8":
        return plain(tensors[module + ".weight"])
    packed = np.frombuffer(data, np.uint8).reshape(shape)
    values = np.stack([E2M1[packed & 15], E2M1[packed >> 4]], axis=-1).reshape(shape[0], -1)  # low nibble first
    scale_dtype, scale_shape, scale_data = tensors[module + ".weight_scale"]
    assert scale_dtype == "F8_E4M3" and scale_shape == [shape[0], values.shape[1] // 16]
    scales = E4M3[np.frombuffer(scale_data, np.uint8)].reshape(scale_shape) * plain(tensors[module + ".weight_scale_2"])
    return values * np.repeat(scales, 16, axis=1)


def is_text(name):
    return not name.startswith(("mtp.", "model.visual."))


def state_dict(tensors):
    """Names and fused experts as transformers holds them."""
    state, experts = {}, {}
    for name in filter(is_text, tensors):
        match = re.fullmatch(r"(.*\.mlp\.experts)\.(\d+)\.(gate|up|down)_proj\.weight", name)
        if match:
            experts.setdefault(match[1], {})[int(match[2]), match[3]] = weight(tensors, name.removesuffix(".weight"))
        elif name.endswith(".weight"):
            state[name] = weight(tensors, name.removesuffix(".weight"))
        elif not name.endswith(("_scale", "_scale_2")):
            state[name] = plain(tensors[name])
    for module, parts in experts.items():
        count = 1 + max(index for index, _ in parts)
        state[module + ".gate_up_proj"] = np.stack(
            [np.concatenate([parts[e, "gate"], parts[e, "up"]]) for e in range(count)])
        state[module + ".down_proj"] = np.stack([parts[e, "down"] for e in range(count)])
    return {name: torch.from_numpy(np.ascontiguousarray(values)) for name, values in state.items()}


def digest(tensors):
    value = 0xCBF29CE484222325
    for name in sorted(filter(is_text, tensors)):
        if not name.endswith(".input_scale"):
            for byte in name.encode() + tensors[name][2]:
                value = ((value ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return np.array([value], np.uint64)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", required=True, help="nvfp4-max, nvfp4-mse or nvidia")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    tensors = read_tensors(arguments.folder)
    model, generator = load_model(TINY, state_dict=state_dict(tensors)), np.random.default_rng(3)
    golden, prompts = {"digest": digest(tensors)}, tiny_prompts(model)
    golden |= greedy_tensors("greedy_prompt64", model, prompts["prompt64"])
    for name, ids in prompts.items():
        golden |= sampled_logits(name, ids, logits_of(model, ids), generator)
    save(GOLDEN / f"{arguments.name}.safetensors", golden)


if __name__ == "__main__":
    main()
