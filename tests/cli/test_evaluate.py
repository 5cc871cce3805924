import json

import numpy as np
import soundfile

from ssr_connector.cli import main


def test_recognition_over_a_folder_in_the_layout_of_librispeech(tmp_path, tiny_model):
    folder = tmp_path / "test-clean" / "84" / "121123"
    folder.mkdir(parents=True)
    lines = []
    for k, text in enumerate(("ANNA FOUND THE OLD LAMP", "THE KING SLEEPS", "TOM WANTED TEA")):
        rng = np.random.default_rng(k)
        soundfile.write(folder / f"84-121123-{k:04}.flac", 0.1 * rng.standard_normal(24000), 16000)
        lines.append(f"84-121123-{k:04} {text}")
    (folder / "84-121123.trans.txt").write_text("\n".join(lines) + "\n")
    out = tmp_path / "results"
    words = ["evaluate", f"ssr={tiny_model}", "--cuts", str(tmp_path / "test-clean"), "--out", str(out)]
    words += ["--evaluation.beams", "2", "--evaluation.asr_shots", "1", "--evaluation.bootstrap", "20"]
    assert main(words) == 0
    figures = {f["name"]: f for f in json.loads((out / "results.json").read_text())["figures"]}
    for measure in ("wer", "cer", "hallucination"):
        assert figures[f"asr_{measure}_ssr"]["n"] == 3
        assert figures[f"asr_{measure}_ssr_1_shot"]["n"] == 2
    assert (out / "cuts" / "cuts.jsonl.gz").is_file()
