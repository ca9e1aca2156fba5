#!/usr/bin/env python3
"""Writes tests/golden/evaluate/divergence.json: perplexity and divergence of two made-up models, computed with numpy.

The models' logits come from an integer hash that tests/evaluate/divergence_test.cc repeats, so that the file holds results
only. The statistics are written down as llama.cpp's tools/perplexity does (sums over all tokens, then means and
uncertainties from the sums), in float64: another way than nibble's, which keeps the values and goes over them twice.
"""

import argparse
import json
import pathlib

import numpy as np

TOP = pathlib.Path(__file__).resolve().parent.parent.parent

VOCAB = 64
TOKENS = 400
CASES = [{"chunk_tokens": 32, "max_chunks": 0}, {"chunk_tokens": 33, "max_chunks": 2}, {"chunk_tokens": 160, "max_chunks": 0},
         {"chunk_tokens": 8, "max_chunks": 1}]

MASK = (1 << 64) - 1


def mix(x):
    """The finaliser of splitmix64."""
    x = (x + 0x9E3779B97F4A7C15) & MASK
    x = ((x ^ (x >> 30)) * 0xBF58476D1CE4E5B9) & MASK
    x = ((x ^ (x >> 27)) * 0x94D049BB133111EB) & MASK
    return x ^ (x >> 31)


def uniform(*keys):
    """In [0, 1), a multiple of 2^-24."""
    state = 0
    for key in keys:
        state = mix(state ^ key)
    return (state >> 40) * 2.0**-24


def logits_after(history):
    """(reference, candidate) float32 [VOCAB]: they depend on the first and last token and on the length."""
    keys = (history[0], history[-1], len(history))
    reference = np.array([24 * uniform(1, *keys, v) - 12 for v in range(VOCAB)])
    noise = np.array([1.5 * (uniform(2, *keys, v) - 0.5) for v in range(VOCAB)])
    return reference.astype(np.float32), (reference + noise).astype(np.float32)


def log_softmax(logits):
    logits = logits.astype(np.float64)
    shifted = logits - logits.max()
    return shifted - np.log(np.exp(shifted).sum())


def mean_and_uncertainty(total, total_of_squares, count):
    mean = total / count
    return mean, np.sqrt((total_of_squares / count - mean * mean) / (count - 1))


def measure(tokens, chunk_tokens, max_chunks):
    chunks = len(tokens) // chunk_tokens
    chunks = min(chunks, max_chunks) if max_chunks else chunks
    nll, nll_base, kld, delta_p, same_top = [], [], [], [], 0
    for chunk in range(chunks):
        text = tokens[chunk * chunk_tokens:(chunk + 1) * chunk_tokens]
        for i in range(chunk_tokens // 2, chunk_tokens - 1):
            reference, candidate = logits_after(text[:i + 1])
            log_base, log_p = log_softmax(reference), log_softmax(candidate)
            truth = text[i + 1]
            nll.append(-log_p[truth])
            nll_base.append(-log_base[truth])
            kept = log_base > -16
            kld.append((np.exp(log_base[kept]) * (log_base[kept] - log_p[kept])).sum())
            delta_p.append(np.exp(log_p[truth]) - np.exp(log_base[truth]))
            same_top += int(reference.argmax() == candidate.argmax())
    nll, nll_base, kld, delta_p = (np.array(x) for x in (nll, nll_base, kld, delta_p))
    n = len(nll)

    def estimate(values):
        return mean_and_uncertainty(values.sum(), (values**2).sum(), n)

    mean_nll, error = estimate(nll)
    mean_base, error_base = estimate(nll_base)
    covariance = ((nll * nll_base).sum() / n - mean_nll * mean_base) / (n - 1)
    square, square_error = estimate(delta_p**2)
    p = same_top / n
    return {
        "chunk_tokens": chunk_tokens, "max_chunks": max_chunks, "chunks": chunks, "scored_tokens": n,
        "perplexity": [np.exp(mean_nll), np.exp(mean_nll) * error],
        "reference_perplexity": [np.exp(mean_base), np.exp(mean_base) * error_base],
        "log_perplexity_ratio": [mean_nll - mean_base, np.sqrt(error**2 + error_base**2 - 2 * covariance)],
        "log_perplexity_correlation": covariance / (error * error_base),
        "mean_kld": estimate(kld),
        "kld_percentiles": [np.percentile(kld, q) for q in (50, 90, 95, 99, 99.9, 100)],
        "mean_delta_p": estimate(delta_p),
        "rms_delta_p": [np.sqrt(square), 0.5 / np.sqrt(square) * square_error],
        "same_top": [p, np.sqrt(p * (1 - p) / (n - 1))],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", help="accepted as by every golden script; nothing of it is needed here")
    parser.add_argument("-o", "--output", type=pathlib.Path, default=TOP / "tests/golden/evaluate/divergence.json")
    arguments = parser.parse_args()

    tokens = [mix(i) % VOCAB for i in range(TOKENS)]
    cases = [measure(tokens, **case) for case in CASES]
    arguments.output.parent.mkdir(parents=True, exist_ok=True)
    arguments.output.write_text(json.dumps({"cases": cases}, indent=1, default=float) + "\n")


if __name__ == "__main__":
    main()
