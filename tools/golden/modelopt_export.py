#!/usr/bin/env python3
"""What nvidia-modelopt exports for models/qwen36-tiny: the reference of the recipes `nvidia` and `nvfp4-max`.

Two layouts, both quantized and exported on the CPU by mtq.quantize and export_hf_checkpoint:
    nvidia     ModelOpt's own recipe huggingface/qwen3_5_moe/ptq/w4a16_nvfp4-fp8_attn-kv_fp8_cast
    nvfp4-max  the NVFP4 rules of that recipe alone

For each, tests/golden/quantize/<layout>/ receives
    tensors.json             name: [dtype, shape, SHA-256 of the bytes], without what exists only because transformers
                             cannot build this model without a vision tower (model.visual.*)
    hf_quant_config.json     as written
    config.json              as written
and for nvidia calibration.json: the token ids (sequences of 512, from the start of data/chats_calibration.txt by the
tiny model's tokenizer), and the input scales that result when activations are BF16 (the exported file) and float32.

ModelOpt's script for language models copies the MTP tensors beside its exporter; that copy is not part of this.

    python tools/golden/modelopt_export.py
"""

import argparse
import hashlib
import json
import pathlib
import struct
import tempfile

import modelopt.torch.quantization as mtq
import torch
from modelopt.recipe import load_recipe
from modelopt.torch.export import export_hf_checkpoint
from tokenizers import Tokenizer
from transformers import AutoConfig, Qwen3_5MoeForConditionalGeneration

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MODEL = REPOSITORY / "models" / "qwen36-tiny"
GOLDEN = REPOSITORY / "tests" / "golden" / "quantize"
RECIPE = "huggingface/qwen3_5_moe/ptq/w4a16_nvfp4-fp8_attn-kv_fp8_cast"


def load_model(dtype):
    config = AutoConfig.from_pretrained(MODEL)
    vision = config.vision_config
    vision.depth, vision.hidden_size, vision.num_heads = 0, 32, 2
    vision.intermediate_size, vision.out_hidden_size = 32, 256
    config._attn_implementation = "eager"
    return Qwen3_5MoeForConditionalGeneration.from_pretrained(MODEL, config=config, dtype=dtype).eval()


def calibration_sequences(count, length):
    tokenizer = Tokenizer.from_file(str(MODEL / "tokenizer.json"))
    ids = tokenizer.encode((REPOSITORY / "data" / "chats_calibration.txt").read_text()).ids
    return [ids[i * length : (i + 1) * length] for i in range(count)]


def recipe_config(layout):
    config = load_recipe(RECIPE).quantize.model_dump()
    if layout == "nvfp4-max":
        other = ("self_attn", "linear_attn", "bmm_quantizer")
        config["quant_cfg"] = [
            rule
            for rule in config["quant_cfg"]
            if not (rule.get("cfg") and any(part in rule["quantizer_name"] for part in other))
        ]
    return config


def quantize_and_export(layout, dtype, sequences, folder):
    def calibrate(model):
        with torch.no_grad():
            for sequence in sequences:
                model(input_ids=torch.tensor([sequence]))

    model = mtq.quantize(load_model(dtype), recipe_config(layout), calibrate)
    export_hf_checkpoint(model, export_dir=folder)


def read_tensors(folder):
    """name: (dtype, shape, bytes) of folder/model.safetensors, without the vision tower."""
    data = (pathlib.Path(folder) / "model.safetensors").read_bytes()
    header_size = struct.unpack("<Q", data[:8])[0]
    header = json.loads(data[8 : 8 + header_size])
    tensors = {}
    for name, entry in sorted(header.items()):
        if name != "__metadata__" and not name.startswith("model.visual."):
            begin, end = (8 + header_size + offset for offset in entry["data_offsets"])
            tensors[name] = (entry["dtype"], entry["shape"], data[begin:end])
    return tensors


def input_scales(tensors):
    return {
        name: struct.unpack("<f", content)[0]
        for name, (_, _, content) in tensors.items()
        if name.endswith(".input_scale")
    }


def write_lines(path, members):
    """A JSON object with one member a line: small, and a difference is a line."""
    lines = ",\n".join(f"{json.dumps(key)}: {json.dumps(value)}" for key, value in members.items())
    path.write_text("{\n" + lines + "\n}\n")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    sequences = calibration_sequences(count=4, length=512)
    scales = {}
    for layout in ("nvidia", "nvfp4-max"):
        golden = GOLDEN / layout
        golden.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            quantize_and_export(layout, torch.bfloat16, sequences, folder)
            tensors = read_tensors(folder)
            for name in ("config.json", "hf_quant_config.json"):
                (golden / name).write_text((pathlib.Path(folder) / name).read_text().rstrip("\n") + "\n")
        hashes = {
            name: [dtype, shape, hashlib.sha256(content).hexdigest()]
            for name, (dtype, shape, content) in tensors.items()
        }
        write_lines(golden / "tensors.json", hashes)
        if layout == "nvidia":
            scales["input_scales_bf16"] = input_scales(tensors)
    with tempfile.TemporaryDirectory() as folder:
        quantize_and_export("nvidia", torch.float32, sequences, folder)
        scales["input_scales_f32"] = input_scales(read_tensors(folder))
    ids = [token for sequence in sequences for token in sequence]
    write_lines(GOLDEN / "nvidia" / "calibration.json", {"sequence": len(sequences[0]), "tokens": ids, **scales})


if __name__ == "__main__":
    main()
