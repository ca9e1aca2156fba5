#!/usr/bin/env python3
"""Golden values of nibble's operations, from the official code of the architecture in transformers.

Writes tests/golden/kernels/*.safetensors: inputs, weights and outputs (float32) of single functions (norms, convolution,
delta rule, rotary tables) and of three whole layers (full attention, Gated DeltaNet, mixture of experts) with random
weights. The shapes are small and divide nothing: 3 cache heads, head sizes that are no multiple of 16, more tokens than
a chunk of the delta rule. Shapes that a tensor does not show stand in tests/kernels/golden_test.cc.

    python tools/golden/kernel_ops.py
"""

import argparse
import pathlib

import torch
from safetensors.torch import save_file
from transformers.models.qwen3_5_moe import modeling_qwen3_5_moe as official
from transformers.models.qwen3_5_moe.configuration_qwen3_5_moe import Qwen3_5MoeTextConfig

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "kernels"

ROPE = {
    "rope_type": "default",
    "rope_theta": 10_000_000.0,
    "partial_rotary_factor": 0.25,
    "mrope_interleaved": True,
    "mrope_section": [11, 11, 10],
}
YARN = ROPE | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 262144}


def layer_config(rope=ROPE, **changes):
    settings = dict(
        hidden_size=40,
        num_hidden_layers=4,
        num_attention_heads=6,
        num_key_value_heads=3,
        head_dim=24,
        linear_num_key_heads=2,
        linear_num_value_heads=4,
        linear_key_head_dim=12,
        linear_value_head_dim=20,
        linear_conv_kernel_dim=4,
        num_experts=10,
        num_experts_per_tok=3,
        moe_intermediate_size=24,
        shared_expert_intermediate_size=56,
        rms_norm_eps=1e-6,
        max_position_embeddings=262144,
        rope_parameters=dict(rope),
        attn_implementation="eager",
    )
    return Qwen3_5MoeTextConfig(**(settings | changes))


def randomized(module):
    """The module with random parameters everywhere, norms included: zeros and ones would hide a doubled or forgotten weight."""
    for name, parameter in module.named_parameters():
        scale = 0.3 if parameter.dim() == 1 else 1.5 / parameter.shape[-1] ** 0.5
        centre = 1.0 if name in ("norm.weight",) and isinstance(module, official.Qwen3_5MoeGatedDeltaNet) else 0.0
        parameter.data = centre + scale * torch.randn(parameter.shape)
    return module.eval()


def weights_of(module):
    return {name: parameter.detach() for name, parameter in module.named_parameters()}


def norms():
    plain = randomized(official.Qwen3_5MoeRMSNorm(43))
    gated = official.Qwen3_5MoeRMSNormGated(29)
    gated.weight.data = 1 + 0.3 * torch.randn(29)
    x, o, z = torch.randn(5, 43) * 3, torch.randn(7, 29), torch.randn(7, 29) * 4
    return {
        "plain.input": x, "plain.weight": plain.weight, "plain.output": plain(x),
        "gated.input": o, "gated.gate": z, "gated.weight": gated.weight, "gated.output": gated(o, z),
    }  # fmt: skip


def convolution():
    channels, kernel, tokens = 21, 4, 11
    weight, x = torch.randn(channels, kernel), torch.randn(1, channels, tokens)
    state = torch.randn(1, channels, kernel - 1)
    fresh = official.causal_conv1d_fn(x, weight, activation="silu")
    after = state.clone()
    continued = official.causal_conv1d_update(x, after, weight, activation="silu")
    rows = lambda t: t[0].T
    return {
        "weight": weight, "input": rows(x), "state": rows(state),
        "output_without_state": rows(fresh), "output": rows(continued), "state_after": rows(after),
    }  # fmt: skip


def delta_rule():
    tokens, key_heads, value_heads, key_dim, value_dim = 100, 2, 8, 12, 20
    inputs = {
        "query": torch.randn(1, tokens, key_heads, key_dim),
        "key": torch.randn(1, tokens, key_heads, key_dim),
        "value": torch.randn(1, tokens, value_heads, value_dim),
        "g": -torch.rand(1, tokens, value_heads) ** 4 * 6,  # mostly mild, some strong
        "beta": torch.rand(1, tokens, value_heads),
        "initial_state": torch.randn(1, value_heads, key_dim, value_dim),
    }
    options = dict(output_final_state=True, use_qk_l2norm_in_kernel=True)
    chunked, chunked_state = official.torch_chunk_gated_delta_rule(**inputs, **options)
    recurrent, recurrent_state = official.torch_recurrent_gated_delta_rule(**inputs, **options)
    outputs = {
        "chunked.output": chunked, "chunked.state": chunked_state,
        "recurrent.output": recurrent, "recurrent.state": recurrent_state,
    }  # fmt: skip
    return {name: tensor[0] for name, tensor in (inputs | outputs).items()}


def rotary():
    positions = torch.tensor(
        [[0, 1, 2, 7, 7, 7, 100, 262143, 1000000], [0, 1, 2, 7, 8, 9, 100, 262143, 1000000], [0, 1, 2, 7, 12, 8, 100, 262143, 1000000]]
    )
    tensors = {"positions": positions.T.to(torch.int32)}
    for name, rope in (("default", ROPE), ("yarn", YARN)):
        module = official.Qwen3_5MoeTextRotaryEmbedding(layer_config(rope, head_dim=256))
        cos, sin = module(torch.zeros(1), positions[:, None, :])
        half = cos.shape[-1] // 2
        tensors |= {
            f"{name}.inverse_frequencies": module.inv_freq,
            f"{name}.cos": cos[0, :, :half],
            f"{name}.sin": sin[0, :, :half],
        }
    return tensors


def attention_layer():
    rope = ROPE | {"mrope_section": [1, 1, 1]}
    config, tokens = layer_config(rope), 13
    layer = randomized(official.Qwen3_5MoeAttention(config, 3))
    x = torch.randn(1, tokens, config.hidden_size)
    positions = torch.randint(0, 20, (3, 1, tokens))
    embeddings = official.Qwen3_5MoeTextRotaryEmbedding(config)(x, positions)
    mask = torch.full((1, 1, tokens, tokens), float("-inf")).triu(1)
    output, _ = layer(x, embeddings, mask)
    return weights_of(layer) | {"input": x[0], "positions": positions[:, 0].T.to(torch.int32), "output": output[0]}


def delta_layer():
    config = layer_config()
    layer = randomized(official.Qwen3_5MoeGatedDeltaNet(config, 0))
    x = torch.randn(1, 70, config.hidden_size)
    return weights_of(layer) | {"input": x[0], "output": layer(x)[0]}


def moe_layer():
    config = layer_config()
    layer = randomized(official.Qwen3_5MoeSparseMoeBlock(config))
    x = torch.randn(1, 17, config.hidden_size)
    _, scores, ids = layer.gate(x)
    output = layer(x)[0]
    return weights_of(layer) | {"input": x[0], "router.ids": ids.to(torch.int32), "router.weights": scores, "output": output}


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    GOLDEN.mkdir(parents=True, exist_ok=True)
    torch.set_num_threads(1)
    for seed, group in enumerate((norms, convolution, delta_rule, rotary, attention_layer, delta_layer, moe_layer)):
        torch.manual_seed(seed)
        with torch.no_grad():
            tensors = {name: tensor.detach().contiguous().clone() for name, tensor in group().items()}
        save_file(tensors, GOLDEN / f"{group.__name__}.safetensors")
        print(f"{group.__name__}: {sum(t.numel() * t.element_size() for t in tensors.values())} bytes")


if __name__ == "__main__":
    main()
