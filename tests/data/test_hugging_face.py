import builtins
import io
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile

from ssr_connector.data.entry import Entry, Rejected
from ssr_connector.data.hugging_face import is_hugging_face, read_hugging_face
from ssr_connector.errors import UserError

Row = dict[str, Any]


def needs_arrow() -> Any:
    return pytest.importorskip("pyarrow", reason="no pyarrow: pip install pyarrow")


def encoded(record: Any, path: Path, **options: Any) -> bytes:
    return bytes(record(path, **options).read_bytes())


def dataset(folder: Path, rows: list[Row], audio: str = "audio", n_files: int = 1) -> Path:
    """The files that `Dataset.save_to_disk` writes, as datasets 5.2 does."""
    pyarrow = needs_arrow()
    folder.mkdir(parents=True)
    table = pyarrow.Table.from_pylist(rows)
    names = [f"data-{i:05}-of-{n_files:05}.arrow" for i in range(n_files)]
    for i, name in enumerate(names):
        first, end = len(rows) * i // n_files, len(rows) * (i + 1) // n_files
        with pyarrow.OSFile(str(folder / name), "wb") as sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table.slice(first, end - first), max_chunksize=2)
    features = {name: {"dtype": "string", "_type": "Value"} for name in table.schema.names if name != audio}
    (folder / "dataset_info.json").write_text(json.dumps({"features": features | {audio: {"_type": "Audio"}}}))
    (folder / "state.json").write_text(json.dumps({"_data_files": [{"filename": name} for name in names]}))
    return folder


def test_a_dataset_is_prepared_with_what_is_bad_listed(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    needs_arrow()
    flac = encoded(record, tmp_path / "a.flac")
    mp3 = encoded(record, tmp_path / "a.mp3")
    beside = record(tmp_path / "beside.wav")
    rows = [
        {"id": 7, "audio": {"bytes": flac, "path": "x/a.flac"}, "sentence": "Hi you.", "client_id": "ann"},
        {"id": 8, "audio": {"bytes": mp3, "path": None}, "sentence": "Hi there.", "client_id": "bob"},
        {"id": None, "audio": {"bytes": None, "path": str(beside)}, "sentence": "Beside.", "client_id": ""},
        {"id": 10, "audio": {"bytes": flac[:-9_000], "path": "x/a.flac"}, "sentence": "Short.", "client_id": "bob"},
        {"id": 11, "audio": {"bytes": b"no audio", "path": "a.wav"}, "sentence": "None.", "client_id": "bob"},
        {"id": 12, "audio": {"bytes": None, "path": "gone.wav"}, "sentence": "Gone.", "client_id": "bob"},
        {"id": 13, "audio": None, "sentence": "Nothing.", "client_id": "bob"},
        {"id": 14, "audio": {"bytes": flac, "path": None}, "sentence": None, "client_id": "bob"},
        {"id": 15, "audio": {"bytes": flac, "path": None}, "sentence": "", "client_id": "bob"},
    ]
    source = dataset(tmp_path / "mine", rows, n_files=2)
    found = prepare_by_ssr(source)
    assert found.summary["corpus"] == "huggingface"
    assert {id_: (c.supervisions[0].text, c.supervisions[0].speaker) for id_, c in found.cuts.items()} == {
        "7": ("Hi you.", "ann"),
        "8": ("Hi there.", "bob"),
        "mine-00000003": ("Beside.", None),
    }
    files = {id_: Path(cut.recording.sources[0].source) for id_, cut in found.cuts.items()}
    assert files["7"].read_bytes() == flac
    assert files["7"] == tmp_path / "prepared/audio/mine-00000001.flac"
    assert (files["8"].suffix, files["8"].read_bytes()) == (".mp3", mp3)
    assert files["mine-00000003"] == beside
    assert found.rejected == {
        "10": "truncated or damaged",
        "11": "not audio",
        "12": "missing file",
        "13": "no audio path",
        "14": "empty transcript",
        "15": "empty transcript",
    }
    before = files["7"].stat().st_mtime_ns
    prepare_by_ssr(source)
    assert files["7"].stat().st_mtime_ns == before


def test_a_row_that_cannot_be_decoded_spoils_no_other(tmp_path: Path, record: Any) -> None:
    wav = encoded(record, tmp_path / "a.wav")
    rows = [{"audio": {"bytes": wav, "path": None}, "text": text} for text in ("Hi.", "Ho.")]
    source = dataset(tmp_path / "mine", rows)
    (file,) = source.glob("*.arrow")
    file.write_bytes(file.read_bytes().replace(b"Hi.Ho.", b"H\xff.Ho."))
    first, second = read_hugging_face(source, folder=tmp_path / "out")
    assert isinstance(first, Rejected)
    assert (first.id, first.reason) == ("mine-00000001", "malformed row")
    assert isinstance(second, Entry)


def test_subsets_of_a_dictionary(tmp_path: Path, record: Any, prepare_by_ssr: Any) -> None:
    wav = encoded(record, tmp_path / "a.wav")
    for name in ("train", "test"):
        row = {"speech": {"bytes": wav, "path": "a.wav"}, "text": f"Of {name}.", "language": "en"}
        dataset(tmp_path / "both" / name, [row, row], audio="speech")
    (tmp_path / "both/dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    assert len(prepare_by_ssr(tmp_path / "both").cuts) == 4
    found = prepare_by_ssr(tmp_path / "both", "--subset", "test")
    assert list(found.cuts) == ["test-00000001", "test-00000002"]
    assert found.cuts["test-00000001"].supervisions[0].language == "en"
    assert "there are train, test" in prepare_by_ssr(tmp_path / "both", "--subset", "dev").printed


def test_numbers_of_classes_get_their_names_and_ids_that_come_again_are_kept_apart(
    tmp_path: Path, record: Any, prepare_by_ssr: Any
) -> None:
    wav = {"bytes": encoded(record, tmp_path / "a.wav"), "path": None}
    rows = [{"audio": wav, "text": "Hi.", "id": i, "language": k, "speaker": 1} for i, k in ((5, 1), (5, 0), (6, 7))]
    source = dataset(tmp_path / "mine", rows)
    info = json.loads((source / "dataset_info.json").read_text())
    info["features"]["language"] = {"names": ["en", "de"], "_type": "ClassLabel"}
    (source / "dataset_info.json").write_text(json.dumps(info))
    found = {id_: cut.supervisions[0] for id_, cut in prepare_by_ssr(source).cuts.items()}
    assert {id_: s.language for id_, s in found.items()} == {"5": "de", "5-mine-00000002": "en", "6": "7"}
    assert {s.speaker for s in found.values()} == {"1"}


@pytest.mark.parametrize("is_described", [True, False])
def test_parquet_files_of_the_hub(tmp_path: Path, record: Any, prepare_by_ssr: Any, is_described: bool) -> None:
    pyarrow = needs_arrow()
    from pyarrow import parquet

    wav = encoded(record, tmp_path / "a.wav")
    (tmp_path / "hub/data").mkdir(parents=True)
    for name in ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001-0123abcd"):
        table = pyarrow.Table.from_pylist([{"audio": {"bytes": wav, "path": "a.wav"}, "text": f"Of {name}."}] * 2)
        if is_described:
            info = {"info": {"features": {"audio": {"_type": "Audio"}, "text": {"_type": "Value"}}}}
            table = table.replace_schema_metadata({"huggingface": json.dumps(info)})
        parquet.write_table(table, tmp_path / f"hub/data/{name}.parquet")
    found = prepare_by_ssr(tmp_path / "hub")
    assert found.summary["corpus"] == "huggingface"
    assert list(found.cuts) == ["test-00000001", "test-00000002", *(f"train-{i:08}" for i in (1, 2, 3, 4))]
    assert found.cuts["train-00000003"].supervisions[0].text == "Of train-00001-of-00002."
    assert list(prepare_by_ssr(tmp_path / "hub", "--subset", "test").cuts) == ["test-00000001", "test-00000002"]
    assert "there are test, train" in prepare_by_ssr(tmp_path / "hub", "--subset", "dev").printed
    (tmp_path / "hub/data/train-00000-of-00002.parquet").write_bytes(b"PAR1 and no more")
    assert "cannot be read" in prepare_by_ssr(tmp_path / "hub").printed


def test_broken_datasets_are_named(tmp_path: Path, record: Any) -> None:
    wav = encoded(record, tmp_path / "a.wav")
    silent = dataset(tmp_path / "silent", [{"text": "Hi.", "file": "a.wav"}])
    mute = dataset(tmp_path / "mute", [{"audio": {"bytes": wav, "path": None}, "label": "x"}])
    torn = dataset(tmp_path / "torn", [{"audio": {"bytes": wav, "path": None}, "text": "Hi."}])
    (file,) = torn.glob("*.arrow")
    file.write_bytes(file.read_bytes()[:-30_000])
    gone = dataset(tmp_path / "gone", [{"audio": {"bytes": wav, "path": None}, "text": "Hi."}])
    next(gone.glob("*.arrow")).unlink()
    odd = dataset(tmp_path / "odd", [{"audio": {"bytes": wav, "path": None}, "text": "Hi."}])
    (odd / "state.json").write_text("[]")
    evil = tmp_path / "evil"
    evil.mkdir()
    (evil / "dataset_dict.json").write_text('{"splits": ["train", "../../elsewhere"]}')
    expected = {
        silent: "has 0 columns of audio",
        mute: "has no transcripts, only audio, label",
        torn: "cannot be read",
        gone: "cannot be read",
        odd: "is no JSON object",
        evil: "names splits that are no folders",
    }
    for source, message in expected.items():
        with pytest.raises(UserError, match=message):
            list(read_hugging_face(source, folder=tmp_path / "out"))


def test_without_pyarrow_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    assert is_hugging_face(tmp_path)
    usual = builtins.__import__

    def without(name: str, *args: Any, **options: Any) -> Any:
        if name == "pyarrow":
            raise ImportError
        return usual(name, *args, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(UserError, match="pip install pyarrow"):
        list(read_hugging_face(tmp_path, folder=tmp_path))


def test_what_datasets_itself_saves(tmp_path: Path, record: Any) -> None:
    datasets = pytest.importorskip("datasets", reason="no datasets: pip install datasets")
    wav = record(tmp_path / "a.wav")
    samples, _ = soundfile.read(io.BytesIO(wav.read_bytes()))
    audio = [{"bytes": wav.read_bytes(), "path": "a.wav"}, {"bytes": None, "path": str(wav)}] * 2
    rows = datasets.Dataset.from_dict({"audio": audio, "text": ["Hi."] * 4})
    rows = rows.cast_column("audio", datasets.Audio(sampling_rate=16_000)).select([0, 1, 3])
    datasets.DatasetDict({"train": rows}).save_to_disk(str(tmp_path / "saved"))
    entries = list(read_hugging_face(tmp_path / "saved", folder=tmp_path / "out"))
    assert len(entries) == 3
    for entry in entries:
        assert isinstance(entry, Entry)
        assert len(soundfile.read(entry.audio)[0]) == len(samples)
