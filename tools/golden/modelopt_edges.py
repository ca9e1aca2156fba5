#!/usr/bin/env python3
"""What nvidia-modelopt's W4A16_NVFP4 exporter writes for hard weights: tests/golden/quantize/edges.safetensors.

Each case is one BF16 matrix: `<case>.input`, and `<case>.weight`, `.weight_scale`, `.weight_scale_2` as exported.

    python tools/golden/modelopt_edges.py
"""

import argparse
import pathlib

import modelopt.torch.quantization as mtq
import numpy as np
import torch
from modelopt.recipe import load_recipe
from modelopt.torch.export.unified_export_hf import _export_quantized_weight
from safetensors.torch import save_file

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "quantize"
RECIPE = "huggingface/qwen3_5_moe/ptq/w4a16_nvfp4-fp8_attn-kv_fp8_cast"


def make_cases(rng):
    """name: float array [rows, cols]; every value is then rounded to BF16."""
    normal = lambda rows, cols: rng.standard_normal((rows, cols))
    # Largest value 2688 * 2^-3: the global scale is 2^-3 exactly, a block whose largest value is 6 * 2^-3 * s has the
    # block scale s, and quotients are exact, so that values at the midpoints of E2M1 are exact ties.
    ties = np.zeros((8, 64))
    midpoints = np.array([0.25, 0.75, 1.25, 1.75, 2.5, 3.5, 5, 6, -0.25, -0.75, -1.25, -1.75, -2.5, -3.5, -5, -0.125])
    for row in range(8):
        for block in range(4):
            ties[row, 16 * block : 16 * block + 16] = midpoints * 2.0 ** (-3 + row - block)
    ties[0, 0] = 2688 * 2.0**-3
    # Block scales at ties of E4M3: quotients (8 + i + 0.5) / 8 with i = 0..7 lie midway between neighbours.
    scale_ties = np.zeros((8, 32))
    scale_ties[:, 0] = 6 * (8 + np.arange(8) + 0.5) / 8
    scale_ties[:, 16] = -6 * (8 + np.arange(8) + 0.5) / 512
    scale_ties[0, 1] = 2688
    spread = normal(8, 64) * np.exp2(rng.uniform(-40, 0, (8, 4))).repeat(16, axis=1)
    mixed = normal(8, 64)
    mixed[0, :16] = 0
    mixed[1, 16:32] = -0.0
    mixed[2, 32:48] = 1e-40 * normal(1, 16)
    mixed[3, :16] = 0
    mixed[3, 5] = -3e38
    mixed[4, 1:16] = 0
    return {
        "random": normal(16, 64) * 0.02,
        "ties": ties,
        "scale_ties": scale_ties,
        "spread": spread,
        "mixed": mixed,
        "denormal": normal(4, 32) * 3e-39,
        "one_denormal": np.eye(2, 16) * 9.2e-41,
        "huge": rng.uniform(-3.3e38, 3.3e38, (4, 32)),
        "all_equal": np.full((2, 32), -0.37),
        "zeros": np.zeros((2, 32)),
    }


class Matrices(torch.nn.Module):
    def __init__(self, cases):
        super().__init__()
        self.mlp = torch.nn.ModuleDict()
        for name, values in cases.items():
            linear = torch.nn.Linear(values.shape[1], values.shape[0], bias=False, dtype=torch.bfloat16)
            linear.weight.data = torch.from_numpy(values).to(torch.bfloat16)
            self.mlp[name] = torch.nn.ModuleDict({"gate_proj": linear})


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    model = Matrices(make_cases(np.random.default_rng(4)))
    tensors = {f"{name}.input": module["gate_proj"].weight.data.clone() for name, module in model.mlp.items()}
    model = mtq.quantize(model, load_recipe(RECIPE).quantize.model_dump(), lambda _: None)
    for name, module in model.mlp.items():
        linear = module["gate_proj"]
        _export_quantized_weight(linear, torch.bfloat16)
        for suffix in ("weight", "weight_scale", "weight_scale_2"):
            tensors[f"{name}.{suffix}"] = getattr(linear, suffix).data.contiguous()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    save_file(tensors, str(GOLDEN / "edges.safetensors"))


if __name__ == "__main__":
    main()
