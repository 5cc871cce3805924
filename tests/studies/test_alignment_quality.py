"""What the study says of aligners in noise."""

from ssr_connector.studies.aligners import ALIGNERS
from ssr_connector.studies.alignment_quality import ALIGNMENT_QUALITY, IN_NOISE, SNR_DB, TASK, paragraph
from ssr_connector.studies.pipeline import heard_damage


def test_every_aligner_that_listens_is_heard_at_every_ratio_and_trained_once():
    listening = {arm.name for arm in ALIGNERS.arms} - {"uniform"}
    assert listening - {"char_ctc_plain", "char_ctc_prior", "cif_taught"} == set(IN_NOISE)
    for name, (clean, *noisy) in IN_NOISE.items():
        assert [arm.surroundings["snr_db"] for arm in noisy] == list(SNR_DB)
        own = ALIGNERS.arm(name)
        for arm in (clean, *noisy):
            assert (arm.aligner, arm.words, arm.connector) == (own.aligner, own.words, own.connector)
            assert (arm.table, heard_damage(arm)) == (name, heard_damage(own))
    assert {arm.table for arm in ALIGNMENT_QUALITY.arms} == {"", *IN_NOISE}


def test_the_paragraph_says_how_aligners_fare_as_noise_grows_and_what_that_costs(planted):
    results = planted({"none": 0.9, "char_ctc": 0.9, "char_ctc_20": 0.9, "char_ctc_0": 0.5, "cif_0": 0.5}, [TASK])
    errors = {"char_ctc": (12.0, 20.0), "char_ctc_20": (14.0, 21.5), "char_ctc_0": (60.0, 80.0), "cif_0": (90.0, 99.0)}
    for row in results.rows[1:]:
        words, ends = errors[row.name]
        row.runs[:] = [
            {**run, "ctc_wer": {"value": words, "unit": "%"}, "word_boundary_error_ms": {"value": ends, "unit": "ms"}}
            for run in row.runs
        ]
    results.row("char_ctc_20").runs[:] = [{**results.row("char_ctc").runs[0]}, {**results.row("char_ctc").runs[1]}]
    said = paragraph(results)
    assert said[0].startswith("CHAR-CTC in noise: char_ctc word ends 20.0 ms, 12.0 % of words wrong; ")
    assert said[0].endswith("char_ctc_0 word ends 80.0 ms, 60.0 % of words wrong.")
    assert (
        said[1]
        == "Its StoryCloze S→T is worse than on clean speech in char_ctc_0, not told apart from it in char_ctc_20 "
        "(by uncorrected 95 % intervals)."
    )
    assert "No arm is told apart from char_ctc_0, whose mean in word ends" in said[2]
    assert len(said) == 5


def test_what_is_better_in_noise_is_not_called_the_same(planted):
    results = planted({"none": 0.9, "char_ctc": 0.6, "char_ctc_20": 0.9, "char_ctc_0": 0.4}, [TASK])
    assert (
        "Its StoryCloze S→T is worse than on clean speech in char_ctc_0, better in char_ctc_20 (by uncorrected 95 % "
        "intervals)."
    ) in paragraph(results)


def test_without_noise_nothing_is_said_of_it(planted):
    assert paragraph(planted({"none": 0.9, "char_ctc": 0.9}, [TASK])) == ["Nothing was damaged."]
