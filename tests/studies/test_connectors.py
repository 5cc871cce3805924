"""What `ssr study connectors` says of its budgets."""

from ssr_connector.studies.connectors import TASK, paragraph


def test_a_row_that_was_still_getting_better_is_not_called_converged(planted):
    def said(*gains):
        results = planted({"ssr_converged": 0.95, "stack_converged": 0.75}, [TASK], seeds=1)
        for row, gain in zip(results.rows, gains, strict=True):
            row.runs[0]["last_gain"] = {"value": gain, "unit": "%"}
        return paragraph(results)

    sentences = said(25.7, 1.9)
    assert sentences[0].startswith(
        "Converged: The best baseline in StoryCloze S→T is stack_converged. Ssr_converged is"
    )
    assert sentences[1] == (
        "With the most steps not all had converged; the last doubling lowered the development loss of ssr_converged by "
        "26 %."
    )
    assert not any("not all had converged" in sentence for sentence in said(0.4, 1.9))
