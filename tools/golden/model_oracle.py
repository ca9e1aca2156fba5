"""What the goldens of the model room share: transformers in float32 as the judge, and files that C++ can read.

Goldens are safetensors files, so that the tests read them through nibble's own TensorStore.
"""

import json
import os
from pathlib import Path

os.environ.setdefault("USE_HUB_KERNELS", "NO")  # the torch reference paths of the delta rule and the convolution

import numpy as np
import torch
from safetensors.numpy import save_file
from transformers import AutoConfig, Qwen3_5MoeForConditionalGeneration

REPOSITORY = Path(__file__).resolve().parents[2]
GOLDEN = REPOSITORY / "tests" / "golden" / "model"
TINY = REPOSITORY / "models" / "qwen36-tiny"
ODD = GOLDEN / "odd"

PROMPT_LENGTHS = (1, 3, 63, 64, 65, 300)
SMALLEST_ROUTER_GAP = 1e-5  # about ten times the rounding differences seen between two float32 implementations


def small_vision_config(config):
    """transformers builds a default vision tower for a text-only checkpoint: make it tiny."""
    vision = config.vision_config
    vision.depth = 0
    vision.hidden_size, vision.num_heads, vision.intermediate_size = 32, 2, 32
    vision.out_hidden_size = config.text_config.hidden_size
    return config


def load_model(folder, change_config=lambda config: None, state_dict=None):
    """The checkpoint in float32 with eager attention and the naive expert loop.

    state_dict: weights that replace those of the folder (names as in the model), all of the text model's.
    """
    torch.manual_seed(0)
    config = small_vision_config(AutoConfig.from_pretrained(folder))
    config.quantization_config = None
    del config.quantization_config
    change_config(config)
    options = dict(dtype=torch.float32, attn_implementation="eager", experts_implementation="eager")
    if state_dict is None:
        model = Qwen3_5MoeForConditionalGeneration.from_pretrained(folder, config=config, **options)
    else:
        model = Qwen3_5MoeForConditionalGeneration._from_config(config, **options)
        missing, unexpected = model.load_state_dict(state_dict, strict=False)
        missing = [name for name in missing if not name.startswith("model.visual.")]
        assert not missing and not unexpected, (missing, unexpected)
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    return model.eval()


@torch.no_grad()
def logits_of(model, ids):
    """float32 [tokens, vocab] of one forward pass without a cache."""
    return model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].numpy()


@torch.no_grad()
def greedy_tensors(name, model, prompt, count=100):
    """count tokens that follow prompt, and the distance of the two best logits at each step."""
    tokens, margins = [], []
    output = model(input_ids=torch.tensor([prompt]), use_cache=True)
    while True:
        best = torch.topk(output.logits[0, -1], 2)
        tokens.append(int(best.indices[0]))
        margins.append(float(best.values[0] - best.values[1]))
        if len(tokens) == count:
            break
        output = model(input_ids=torch.tensor([[tokens[-1]]]), past_key_values=output.past_key_values, use_cache=True)
    return {
        f"{name}.prompt": np.array(prompt, np.int32),
        f"{name}.tokens": np.array(tokens, np.int32),
        f"{name}.margins": np.array(margins, np.float32),
    }


@torch.no_grad()
def router_gap(model, ids):
    """The smallest distance between the last expert chosen and the first one not chosen, over layers and tokens.

    Rounding differences of this size would choose another expert and change the logits visibly: prompts with such a tie
    test nothing but luck.
    """
    gaps = []

    def hook(module, _, output):
        values = torch.sort(output[0], dim=-1, descending=True).values
        gaps.append(float((values[:, module.top_k - 1] - values[:, module.top_k]).min()))

    hooks = [layer.mlp.gate.register_forward_hook(hook) for layer in model.model.language_model.layers]
    model(input_ids=torch.tensor([ids]), use_cache=False)
    for handle in hooks:
        handle.remove()
    return min(gaps)


@torch.no_grad()
def input_amax(model, ids):
    """Largest magnitude that enters each linear layer of the text model, by module name as in the checkpoint; for the
    fused experts, of gate and up under the module's name, of down under `.down_proj`."""
    amax = {}

    def observe(name):
        def hook(_, arguments):
            amax[name] = max(amax.get(name, 0.0), float(arguments[0].abs().max()))

        return hook

    def observe_down(name):
        def hook(experts, arguments):
            hidden, chosen, _ = arguments
            for token, expert in ((t, e) for t in range(len(hidden)) for e in chosen[t].tolist()):
                gate, up = (experts.gate_up_proj[expert] @ hidden[token]).chunk(2)
                amax[name] = max(amax.get(name, 0.0), float((experts.act_fn(gate) * up).abs().max()))

        return hook

    hooks = []
    for name, module in model.named_modules():
        if name.startswith("model.visual"):
            continue
        if name.endswith(".mlp.experts"):
            hooks.append(module.register_forward_pre_hook(observe_down(name + ".down_proj")))
        if isinstance(module, torch.nn.Linear) or name.endswith((".mlp.gate", ".mlp.experts")):
            hooks.append(module.register_forward_pre_hook(observe(name)))
    model(input_ids=torch.tensor([ids]), use_cache=False)
    for handle in hooks:
        handle.remove()
    return {f"amax.{name}": np.array([value], np.float32) for name, value in amax.items()}


def whole_logits(name, ids, logits):
    return {f"{name}.ids": np.array(ids, np.int32), f"{name}.logits": logits}


def sampled_logits(name, ids, logits, generator, columns=64):
    """Whole rows where things change (first, last, around 64 and 128); for every row a sample of columns and
    statistics over all of them, so that no error hides between the rows."""
    tokens, vocab = logits.shape
    rows = sorted({row for row in (0, 62, 63, 64, 127, 128, tokens - 1) if row < tokens})
    chosen = np.sort(generator.choice(vocab, columns, replace=False))
    wide = logits.astype(np.float64)
    top = wide.max(axis=1)
    return {
        f"{name}.ids": np.array(ids, np.int32),
        f"{name}.rows": np.array(rows, np.int32),
        f"{name}.logits": logits[rows],
        f"{name}.columns": chosen.astype(np.int32),
        f"{name}.sampled": np.ascontiguousarray(logits[:, chosen]),
        f"{name}.max": logits.max(axis=1),
        f"{name}.argmax": logits.argmax(axis=1).astype(np.int32),
        f"{name}.logsumexp": (top + np.log(np.exp(wide - top[:, None]).sum(axis=1))).astype(np.float32),
    }


def tiny_prompts(model):
    """Prompts of the held-out chats, each from another place of the file; none with a near tie of experts."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TINY / "tokenizer.json"))
    text = (REPOSITORY / "data" / "chats_heldout.txt").read_text(encoding="utf-8")
    ids = tokenizer.encode(text, add_special_tokens=False).ids
    prompts = {}
    for place, length in enumerate(PROMPT_LENGTHS):
        begins = range(2000 * place, 2000 * (place + 1), 300)
        begin = next(b for b in begins if router_gap(model, ids[b : b + length]) > SMALLEST_ROUTER_GAP)
        prompts[f"prompt{length}"] = ids[begin : begin + length]
        print(f"prompt{length}: tokens from {begin}")
    return prompts


def save(path, tensors):
    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(dict(sorted(tensors.items())), path)
    path.chmod(0o644)
    print(f"{path.relative_to(REPOSITORY)}: {len(tensors)} tensors, {path.stat().st_size} bytes")


def write_json(path, value):
    path.write_text(json.dumps(value, indent=2) + "\n", encoding="utf-8")
