from ssr_connector.training.continuations import Continuations


def test_what_was_written_is_kept_and_half_a_line_is_not(tmp_path):
    first = Continuations(tmp_path)
    first.add({"a": [1, 2], "b": [3]})
    first.add({"b": [4], "c": [5]})
    first.add({"a": [6]})
    (file,) = tmp_path.iterdir()
    assert len(file.read_text().splitlines()) == 2
    with file.open("a") as stream:
        stream.write('{"d": [7')
    again = Continuations(tmp_path, goes_on=True)
    assert [again[key] for key in "abc"] == [[1, 2], [3], [5]]
    assert "d" not in again
    again.add({"d": [8]})  # not behind the half of a line
    assert Continuations(tmp_path, goes_on=True)["d"] == [8]
    assert "a" not in Continuations(tmp_path)  # a run that has trained nothing may be of another LLM


def test_its_own_words_count_before_those_of_other_processes(tmp_path):
    (tmp_path / "continuations-001.jsonl").write_text('{"a": [9], "z": [8]}\n')
    (tmp_path / "continuations-000.jsonl").write_text('{"a": [1]}\n')
    found = Continuations(tmp_path, goes_on=True)
    assert (found["a"], found["z"]) == ([1], [8])
    assert "b" not in Continuations()
