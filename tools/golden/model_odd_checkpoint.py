"""Writes tests/golden/model/odd: a small random checkpoint whose dimensions agree with those of no real model.

What it has that qwen36-tiny has not: four value heads to a key head, three KV heads, key and value dimensions that
differ, top-3 of 10 experts, layers in no regular order, a full-attention layer first, no MTP layer, A_log and the gated
norm in float32 as Qwen3.5 stores them, and sizes that fill no vector register evenly. All norm weights are random, so
that a norm forgotten or applied twice shows (architecture §10.20), and epsilon is large enough to show too.

    python tools/golden/model_odd_checkpoint.py
"""

import argparse

import numpy as np
import torch
from safetensors.torch import save_file

from model_oracle import ODD, write_json

LAYER_TYPES = ["full_attention", "linear_attention", "linear_attention", "full_attention", "linear_attention"]

TEXT_CONFIG = {
    "model_type": "qwen3_5_moe_text",
    "vocab_size": 320,
    "hidden_size": 80,
    "num_hidden_layers": len(LAYER_TYPES),
    "num_attention_heads": 6,
    "num_key_value_heads": 3,
    "head_dim": 128,
    "hidden_act": "silu",
    "rms_norm_eps": 1e-3,
    "attention_bias": False,
    "attn_output_gate": True,
    "layer_types": LAYER_TYPES,
    "linear_conv_kernel_dim": 4,
    "linear_key_head_dim": 48,
    "linear_value_head_dim": 32,
    "linear_num_key_heads": 2,
    "linear_num_value_heads": 8,
    "mamba_ssm_dtype": "float32",
    "num_experts": 10,
    "num_experts_per_tok": 3,
    "moe_intermediate_size": 32,
    "shared_expert_intermediate_size": 48,
    "max_position_embeddings": 1024,
    "tie_word_embeddings": False,
    "mtp_num_hidden_layers": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "dtype": "bfloat16",
    "rope_parameters": {
        "rope_type": "default",
        "rope_theta": 10000.0,
        "partial_rotary_factor": 0.25,
        "mrope_interleaved": True,
        "mrope_section": [6, 5, 5],
    },
}

CONFIG = {
    "architectures": ["Qwen3_5MoeForConditionalGeneration"],
    "model_type": "qwen3_5_moe",
    "text_config": TEXT_CONFIG,
    "image_token_id": 310,
    "video_token_id": 311,
    "vision_start_token_id": 308,
    "vision_end_token_id": 309,
    "tie_word_embeddings": False,
}


class Weights:
    """Random tensors from one seeded stream."""

    def __init__(self, seed):
        self.generator = np.random.default_rng(seed)
        self.tensors = {}

    def normal(self, name, shape, scale, mean=0.0, dtype=torch.bfloat16):
        values = self.generator.normal(mean, scale, shape).astype(np.float32)
        self.tensors[name] = torch.from_numpy(values).to(dtype)

    def linear(self, name, rows, cols, gain=1.0):
        self.normal(name, (rows, cols), gain / np.sqrt(cols))


def attention(weights, prefix, c):
    heads, kv_heads, dim, hidden = (c[k] for k in ("num_attention_heads", "num_key_value_heads", "head_dim", "hidden_size"))
    weights.linear(prefix + "q_proj.weight", heads * 2 * dim, hidden)
    weights.linear(prefix + "k_proj.weight", kv_heads * dim, hidden)
    weights.linear(prefix + "v_proj.weight", kv_heads * dim, hidden)
    weights.linear(prefix + "o_proj.weight", hidden, heads * dim, gain=2.0)
    weights.normal(prefix + "q_norm.weight", (dim,), 0.4)
    weights.normal(prefix + "k_norm.weight", (dim,), 0.4)


def delta_net(weights, prefix, c):
    key_heads, value_heads = c["linear_num_key_heads"], c["linear_num_value_heads"]
    keys, values = key_heads * c["linear_key_head_dim"], value_heads * c["linear_value_head_dim"]
    hidden, channels = c["hidden_size"], 2 * keys + values
    weights.linear(prefix + "in_proj_qkv.weight", channels, hidden)
    weights.linear(prefix + "in_proj_z.weight", values, hidden)
    weights.linear(prefix + "in_proj_b.weight", value_heads, hidden, gain=2.0)
    weights.linear(prefix + "in_proj_a.weight", value_heads, hidden, gain=2.0)
    weights.normal(prefix + "conv1d.weight", (channels, 1, c["linear_conv_kernel_dim"]), 0.6)
    weights.normal(prefix + "A_log", (value_heads,), 1.5, mean=-1.0, dtype=torch.float32)
    weights.normal(prefix + "dt_bias", (value_heads,), 1.0)
    weights.normal(prefix + "norm.weight", (c["linear_value_head_dim"],), 0.4, mean=1.0, dtype=torch.float32)
    weights.linear(prefix + "out_proj.weight", hidden, values, gain=1.5)


def mixture(weights, prefix, c):
    hidden, experts, width = c["hidden_size"], c["num_experts"], c["moe_intermediate_size"]
    shared = c["shared_expert_intermediate_size"]
    weights.linear(prefix + "gate.weight", experts, hidden, gain=1.5)
    weights.normal(prefix + "experts.gate_up_proj", (experts, 2 * width, hidden), 1.5 / np.sqrt(hidden))
    weights.normal(prefix + "experts.down_proj", (experts, hidden, width), 1.5 / np.sqrt(width))
    weights.linear(prefix + "shared_expert.gate_proj.weight", shared, hidden, gain=1.5)
    weights.linear(prefix + "shared_expert.up_proj.weight", shared, hidden, gain=1.5)
    weights.linear(prefix + "shared_expert.down_proj.weight", hidden, shared, gain=1.5)
    weights.linear(prefix + "shared_expert_gate.weight", 1, hidden)


def odd_weights(seed):
    weights, c = Weights(seed), TEXT_CONFIG
    hidden, vocab = c["hidden_size"], c["vocab_size"]
    weights.normal("model.language_model.embed_tokens.weight", (vocab, hidden), 1.0)
    weights.normal("model.language_model.norm.weight", (hidden,), 0.4)
    weights.linear("lm_head.weight", vocab, hidden, gain=3.0)
    for index, kind in enumerate(LAYER_TYPES):
        prefix = f"model.language_model.layers.{index}."
        weights.normal(prefix + "input_layernorm.weight", (hidden,), 0.4)
        weights.normal(prefix + "post_attention_layernorm.weight", (hidden,), 0.4)
        if kind == "full_attention":
            attention(weights, prefix + "self_attn.", c)
        else:
            delta_net(weights, prefix + "linear_attn.", c)
        mixture(weights, prefix + "mlp.", c)
    return weights.tensors


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=36)
    arguments = parser.parse_args()
    ODD.mkdir(parents=True, exist_ok=True)
    save_file(odd_weights(arguments.seed), ODD / "model.safetensors", metadata={"format": "pt"})
    (ODD / "model.safetensors").chmod(0o644)
    write_json(ODD / "config.json", CONFIG)


if __name__ == "__main__":
    main()
