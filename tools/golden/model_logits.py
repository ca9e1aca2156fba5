"""Writes tests/golden/model/{tiny,odd}.safetensors: what transformers 5.23 computes in float32.

    python tools/golden/model_odd_checkpoint.py   # once, before
    python tools/golden/model_logits.py

tiny: logits of prompts of 1 to 300 tokens (whole rows and samples), greedy continuations, inputs' amax of every linear
layer. odd: the same with all logits, for the checkpoint as it is and for two changes of its config.json, YaRN and tied
embeddings; rotary frequencies of several configurations.
"""

import argparse
import copy

import numpy as np
import torch
from transformers import AutoConfig

from model_oracle import (GOLDEN, ODD, PROMPT_LENGTHS, SMALLEST_ROUTER_GAP, TINY, greedy_tensors, input_amax,
                          load_model, logits_of, router_gap, sampled_logits, save, tiny_prompts, whole_logits)
from model_odd_checkpoint import CONFIG


YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 128, "beta_fast": 8.0}


def check_router(name, model, ids):
    gap = router_gap(model, ids)
    assert gap > SMALLEST_ROUTER_GAP, f"{name} has a near tie of experts ({gap:.1e}): choose another seed"


def tiny():
    model, generator = load_model(TINY), np.random.default_rng(1)
    prompts, tensors = tiny_prompts(model), {}
    for name, ids in prompts.items():
        tensors |= sampled_logits(name, ids, logits_of(model, ids), generator)
    for name in ("prompt3", "prompt63", "prompt64"):
        tensors |= greedy_tensors(f"greedy_{name}", model, prompts[name])
    save(GOLDEN / "tiny.safetensors", tensors | input_amax(model, prompts["prompt65"]))


def yarn(config):
    config.text_config.rope_parameters = dict(config.text_config.rope_parameters) | YARN


def tie(model):
    model.lm_head.weight = torch.nn.Parameter(model.model.language_model.embed_tokens.weight.detach().clone())
    return model


def rope_frequencies(name, head_dim, parameters):
    """inv_freq and the factor on cos and sin as transformers computes them for one rope_parameters."""
    from transformers.models.qwen3_5_moe.modeling_qwen3_5_moe import Qwen3_5MoeTextRotaryEmbedding

    config = AutoConfig.from_pretrained(ODD).text_config
    config.head_dim, config.rope_parameters = head_dim, parameters
    rope = Qwen3_5MoeTextRotaryEmbedding(config)
    return {f"{name}.inv_freq": rope.inv_freq.numpy(), f"{name}.scaling": np.array([rope.attention_scaling], np.float32)}


def ropes():
    official = {"rope_type": "default", "rope_theta": 1e7, "partial_rotary_factor": 0.25, "mrope_section": [11, 11, 10]}
    long = official | {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 262144}
    odd = copy.deepcopy(CONFIG["text_config"]["rope_parameters"]) | YARN
    fixed = odd | {"attention_factor": 0.875, "beta_slow": 2.0}
    return (rope_frequencies("rope_default", 256, official) | rope_frequencies("rope_yarn", 256, long)
            | rope_frequencies("rope_odd", 128, odd) | rope_frequencies("rope_fixed", 128, fixed))


def odd():
    generator, tensors = np.random.default_rng(2), {}
    model = load_model(ODD)
    prompts = {f"prompt{n}": generator.integers(0, 320, n).tolist() for n in PROMPT_LENGTHS}
    for name, ids in prompts.items():
        check_router(f"odd {name}", model, ids)
        tensors |= whole_logits(name, ids, logits_of(model, ids))
    print(f"odd: standard deviation of the logits {tensors['prompt300.logits'].std():.2f}")
    for name in ("prompt3", "prompt64"):
        tensors |= greedy_tensors(f"greedy_{name}", model, prompts[name])
    tensors |= input_amax(model, prompts["prompt65"])

    long = load_model(ODD, yarn)
    check_router("odd yarn", long, prompts["prompt300"])
    tensors |= whole_logits("yarn", prompts["prompt300"], logits_of(long, prompts["prompt300"]))
    tensors |= whole_logits("tied", prompts["prompt65"], logits_of(tie(model), prompts["prompt65"]))
    save(GOLDEN / "odd.safetensors", tensors | ropes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", choices=("tiny", "odd"))
    only = parser.parse_args().only
    torch.set_num_threads(1)  # the same sums in the same order everywhere
    if only != "odd":
        tiny()
    if only != "tiny":
        odd()


if __name__ == "__main__":
    main()
