#!/usr/bin/env python3
"""Golden values of nibble's number formats, from torch and ml_dtypes.

Writes tests/golden/numerics/conversions.bin: records of 12 little-endian bytes
    f32 input | u16 bf16 | u16 f16 | u8 e4m3 | u8 e4m3 saturating | u8 e8m0 | u8 e2m1
and tests/golden/numerics/decoded.json: for each format, the SHA-256 of the float32 values of all its codes in order.

Inputs are every tie between neighbours of E4M3, E2M1 and E8M0 and a sample of those of BF16 and F16, each with the
float32 just below and above; all codes of E4M3 and E2M1; specials; and random bit patterns. torch is the reference for
all but E4M3 beyond its range, where torch 2.15 saturates (infinities too) and ml_dtypes gives NaN, as older torch does:
both are recorded. Elsewhere the two must agree on finite inputs, or the script stops.

    python tools/golden/numerics.py
"""

import argparse
import hashlib
import json
import pathlib

import ml_dtypes
import numpy as np
import torch

GOLDEN = pathlib.Path(__file__).resolve().parents[2] / "tests" / "golden" / "numerics"


def with_neighbours(values):
    values = np.asarray(values, np.float32)
    below, above = np.nextafter(values, np.float32(-np.inf)), np.nextafter(values, np.float32(np.inf))
    return np.concatenate([values, below, above])


def ties(finite_values):
    """Midpoints between neighbours of a format, exact in float32 for every format here."""
    values = np.unique(np.asarray(finite_values, np.float64))
    return ((values[1:] + values[:-1]) / 2).astype(np.float32)


def make_inputs(rng):
    e4m3 = np.arange(256, dtype=np.uint8).view(ml_dtypes.float8_e4m3fn).astype(np.float32)
    e2m1 = np.array([0, 0.5, 1, 1.5, 2, 3, 4, 6], np.float32)
    e8m0 = np.arange(255, dtype=np.uint8).view(ml_dtypes.float8_e8m0fnu).astype(np.float32)
    half = np.arange(65536, dtype=np.uint16)
    f16 = half.view(np.float16).astype(np.float32)
    bf16 = half.view(ml_dtypes.bfloat16).astype(np.float32)
    finite = lambda x: x[np.isfinite(x)]
    inputs = [
        with_neighbours(ties(finite(e4m3))),
        with_neighbours(np.concatenate([ties(e2m1), -ties(e2m1)])),
        with_neighbours(ties(e8m0)),
        with_neighbours(rng.choice(ties(finite(f16)), 1500, replace=False)),
        with_neighbours(rng.choice(ties(finite(bf16)), 1500, replace=False)),
        with_neighbours([464, -464, 480, -480, 65504, 65520, -65520, 6, 448, 3.4e38, -3.4e38, 2.0**-10, -(2.0**-10)]),
        finite(e4m3),
        e2m1,
        -e2m1,
        np.array([0.0, -0.0, np.inf, -np.inf, 1.5 * 2.0**-127, 2.0**-149, -(2.0**-149)], np.float32),
        rng.integers(0, 2**32, 4000, dtype=np.uint64).astype(np.uint32).view(np.float32),
        rng.standard_normal(2000).astype(np.float32) * np.exp2(rng.uniform(-12, 10, 2000)).astype(np.float32),
    ]
    inputs = np.concatenate([np.asarray(part, np.float32) for part in inputs])
    return inputs[~np.isnan(inputs)]  # which NaN comes out differs between torch's own code paths


def torch_codes(inputs, dtype, container):
    return torch.from_numpy(inputs.copy()).to(dtype).view(container).numpy()


def check_ml_dtypes(inputs, codes, dtype, mask):
    theirs = inputs.astype(dtype).view(codes.dtype)
    wrong = mask & (theirs != codes)
    if wrong.any():
        raise SystemExit(f"torch and ml_dtypes disagree on {inputs[wrong][:5]} as {dtype}")


def main():
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    np.seterr(all="ignore")
    inputs = make_inputs(np.random.default_rng(36))
    finite = np.isfinite(inputs)

    bf16 = torch_codes(inputs, torch.bfloat16, torch.int16).view(np.uint16)
    f16 = torch_codes(inputs, torch.float16, torch.int16).view(np.uint16)
    e4m3 = inputs.astype(ml_dtypes.float8_e4m3fn).view(np.uint8)
    saturating = torch_codes(inputs, torch.float8_e4m3fn, torch.uint8)
    e8m0 = torch_codes(inputs, torch.float8_e8m0fnu, torch.uint8)
    # ModelOpt's sign rule: negative before rounding, so that -0.0 is code 0. ml_dtypes gives the nearest magnitude.
    magnitude = np.abs(np.nan_to_num(inputs, posinf=6, neginf=6)).astype(ml_dtypes.float4_e2m1fn)
    e2m1 = magnitude.view(np.uint8) & 7 | np.where(inputs < 0, 8, 0).astype(np.uint8)

    check_ml_dtypes(inputs, bf16, ml_dtypes.bfloat16, finite)
    check_ml_dtypes(inputs, f16, np.float16, finite)
    check_ml_dtypes(inputs, saturating, ml_dtypes.float8_e4m3fn, np.abs(inputs) <= 464)

    records = np.zeros(len(inputs), np.dtype("<f4,<u2,<u2,u1,u1,u1,u1"))
    for field, column in zip(records.dtype.names, (inputs, bf16, f16, e4m3, saturating, e8m0, e2m1)):
        records[field] = column

    # Every NaN counts as the same one.
    canonical = lambda values: np.where(np.isnan(values), np.float32(np.nan), values).astype("<f4").tobytes()
    decode = lambda bits, dtype: canonical(torch.from_numpy(bits).view(dtype).to(torch.float32).numpy())
    half, byte = np.arange(65536, dtype=np.uint16).view(np.int16), np.arange(256, dtype=np.uint8)
    decoded = {
        "bf16": decode(half, torch.bfloat16),
        "f16": decode(half, torch.float16),
        "e4m3": decode(byte, torch.float8_e4m3fn),
        "e8m0": decode(byte, torch.float8_e8m0fnu),
        "e2m1": np.arange(16, dtype=np.uint8).view(ml_dtypes.float4_e2m1fn).astype(np.float32).tobytes(),
    }
    GOLDEN.mkdir(parents=True, exist_ok=True)
    records.tofile(GOLDEN / "conversions.bin")
    hashes = {name: hashlib.sha256(values).hexdigest() for name, values in decoded.items()}
    (GOLDEN / "decoded.json").write_text(json.dumps(hashes, indent=2) + "\n")
    print(f"{len(records)} conversions, {records.nbytes} bytes")


if __name__ == "__main__":
    main()
