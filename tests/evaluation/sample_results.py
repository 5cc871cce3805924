"""A results dictionary with planted values, as `results.json` holds it."""

import math
from typing import Any

ROWS = (
    ("storycloze", "T", "text model", "clean", 95.5, 400, (93.2, 97.3), 50.0, {"true": 93.1, "random": 97.9}),
    ("storycloze", "T", "SSR stage 2 multitask", "clean", 95.2, 400, (92.9, 97.1), 50.0, {}),
    ("storycloze", "T", "SSR stage 2 vanilla", "clean", 88.3, 400, (85.0, 91.2), 50.0, {}),
    ("storycloze", "S→T", "SSR stage 1", "clean", 88.1, 400, (84.9, 91.0), 50.0, {"true": 85.4, "random": 90.8}),
    ("storycloze", "S→T", "SSR stage 2 multitask", "clean", 89.4, 400, (86.2, 92.1), 50.0, {}),
    ("storycloze", "S→T", "SSR stage 2 vanilla", "clean", 87.7, 400, (84.3, 90.7), 50.0, {}),
    ("storycloze", "S→T", "oracle alignment", "clean", 90.6, 400, (87.5, 93.2), 50.0, {}),
    ("storycloze", "S→T", "hard cascade", "clean", 90.2, 400, (87.1, 92.9), 50.0, {}),
    ("storycloze", "S→T", "stack", "clean", 61.3, 400, (56.4, 66.1), 50.0, {}),
    ("storycloze", "S→T", "stack+layers", "clean", 68.0, 400, (63.3, 72.4), 50.0, {}),
    ("storycloze", "S→T", "another item's audio", "clean", 51.8, 400, (46.9, 56.7), 50.0, {}),
    ("storycloze", "S→T", "no context", "clean", 52.9, 400, (48.0, 57.8), 50.0, {}),
    ("storycloze", "S→T", "SSR stage 1", "5 dB", 81.6, 400, (77.7, 85.2), 50.0, {}),
    ("storycloze", "S→T", "hard cascade", "5 dB", 77.4, 400, (73.2, 81.4), 50.0, {}),
    ("spoken_mmlu", "speech", "SSR stage 1", "clean", 84.7, 300, (80.4, 88.6), 25.0, {}),
    ("spoken_mmlu", "speech", "hard cascade", "clean", 86.9, 300, (82.9, 90.5), 25.0, {}),
    ("spoken_mmlu", "speech", "stack", "clean", 26.1, 300, (21.3, 31.2), 25.0, {}),
    ("swuggy", "S", "SSR stage 1", "clean", 71.2, 200, (64.9, 77.3), 50.0, {}),
    ("mmlu", "T", "text model", "clean", 92.6, 300, (89.4, 95.3), 25.0, {}),
    ("mmlu", "T", "SSR stage 2 multitask", "clean", 92.0, 300, (88.7, 94.8), 25.0, {}),
    ("mmlu", "T", "SSR stage 2 vanilla", "clean", 83.5, 300, (79.1, 87.6), 25.0, {}),
    ("blimp", "T", "text model", "clean", 91.4, 300, (88.0, 94.4), 50.0, {}),
    ("blimp", "T", "SSR stage 2 multitask", "clean", 91.9, 300, (88.6, 94.8), 50.0, {}),
)  # fmt: skip

WORDS = (("The", 0.21, 0.42), ("kind", 0.42, 0.83), ("baker", 0.83, 1.31), ("lost", 1.31, 1.74), ("her", 1.74, 1.98),
         ("umbrella", 1.98, 2.61), ("<b>&", 2.72, 3.04))  # fmt: skip
TOKENS = (("The", 0.21, 0.42, 0.981), (" kind", 0.42, 0.83, 0.964), (" ba", 0.83, 1.05, 0.951), ("ker", 1.05, 1.31, 0.912),
          (" lost", 1.31, 1.74, 0.973), (" her", 1.74, 1.98, 0.944), (" um", 1.98, 2.15, 0.813), ("br", 2.15, 2.34, 0.741),
          ("ella", 2.34, 2.61, 0.902), (".", 2.61, 2.72, 0.887), (" <b>&", 2.72, 3.04, 0.666))  # fmt: skip


def sample_results() -> dict[str, Any]:
    return {
        "title": "The tiny world <demo>",
        "commit": "0123abcd",
        "date": "2025-11-20",
        "machine": "2 cores & 8 GiB",
        "command": "ssr demo --config recipes/tiny.yaml",
        "seconds": 754.2,
        "recipe": {"training": {"lr": 0.0003, "objectives": {"cosine": 5.0}, "train": ["connector"]}, "title": "<i>x</i>"},
        "seed": 17,
        "figures": [
            {"name": "storycloze_s2t_ssr", "value": 88.1, "n": 400, "ci95": [84.9, 91.0], "unit": "%"},
            {"name": "text_drop_multitask", "value": -0.7, "n": 300, "ci95": [-1.9, 0.4], "unit": "points"},
            {"name": "text_drop_vanilla", "value": -9.1, "n": 300, "ci95": [-12.6, -5.8], "unit": "points"},
            {"name": "asr_wer_stage1", "value": 43.3, "n": 211, "ci95": [40.1, 46.8], "unit": "%"},
            {"name": "asr_wer_stage2", "value": 12.4, "n": 211, "ci95": [10.2, 14.7], "unit": "%"},
            {"name": "word_boundary_error_ms", "value": 22.6, "n": 3021, "ci95": None, "unit": "ms"},
        ],
        "rows": [
            {"task": t, "mode": m, "system": s, "condition": c, "value": v, "n": n, "ci95": list(ci), "chance": ch,
             "ties": 1.3 if s == "stack" else 0.0, "groups": g}
            for t, m, s, c, v, n, ci, ch, g in ROWS
        ],
        "quality": [
            {"measure": "cosine (forced)", "system": "SSR stage 1", "value": 0.934, "n": 3022, "ci95": [0.931, 0.937], "unit": ""},
            {"measure": "cosine (forced)", "system": "stack+layers", "value": 0.412, "n": 3023, "ci95": None, "unit": ""},
            {"measure": "embedding WER (best path)", "system": "SSR stage 1", "value": 7.9, "n": 613, "ci95": [6.8, 9.1],
             "unit": "%"},
            {"measure": "word boundary error", "system": "aligner", "value": 22.6, "n": 3021, "ci95": [21.7, 23.5], "unit": "ms"},
        ],
        "density": [
            {"system": "encoder frames", "positions_per_s": 50.0},
            {"system": "stack", "positions_per_s": 6.25},
            {"system": "SSR", "positions_per_s": 3.2},
        ],
        "cost": [
            {"stage": "LLM", "seconds": 120.3},
            {"stage": "speech encoder", "seconds": 187.9},
            {"stage": "aligner", "seconds": 95.6},
            {"stage": "distill", "seconds": 210.1},
            {"stage": "evaluation", "seconds": 64.8},
        ],
        "curves": {
            "aligner": [
                {"step": s, "loss": 3 * math.exp(-s / 80), "ctc": 3 * math.exp(-s / 80), "lr": 1e-3}
                | ({"dev_loss": 3.1 * math.exp(-s / 90), "dev_ctc": 3.1 * math.exp(-s / 90)} if s % 50 == 0 else {})
                for s in range(10, 401, 10)
            ],
            "distill": [
                {"step": s, "loss": 5 * math.exp(-s / 60), "cosine": 1 - math.exp(-s / 60), "squared_error": 0.02 + 1 / s}
                | ({"dev_loss": 5.5 * math.exp(-s / 60), "dev_cosine": 0.97 - math.exp(-s / 60), "dev_squared_error": 1.1 / s}
                   if s % 50 == 0 else {})
                for s in range(10, 401, 10)
            ],
        },
        "example": {
            "id": "story-7<x>",
            "text": "The kind baker lost her umbrella. <b>&",
            "hypothesis": "The kind baker lost her umbrela. <b>&",
            "duration_s": 3.2,
            "sampling_rate_hz": 16000,
            "samples": [x for k in range(400) for x in (-a(k), a(k))],
            "words": [{"text": t, "start_s": s, "end_s": e} for t, s, e in WORDS],
            "gold_words": [{"text": t, "start_s": s + 0.02, "end_s": e - 0.015} for t, s, e in WORDS],
            "tokens": [{"text": t, "start_s": s, "end_s": e, "cosine": c} for t, s, e, c in TOKENS],
        },
        "next": [
            "ssr generate transcribe runs/demo/model runs/demo/data/audio/a-rather-long-path/story-0007-voice-11.wav --max-new-tokens 64",
            "ssr generate ask runs/demo/model question.wav --text 'The answer is:'",
        ],
        "notes": ["Mini versions: 400 items <each>, not the paper's test sets."],
    }  # fmt: skip


def a(k: int) -> float:
    """A planted envelope: a few humps."""
    return round(0.4 * abs(math.sin(k / 22)) * (1 if 30 < k < 380 else 0.02), 4)
