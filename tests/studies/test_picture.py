"""What is drawn stands where it was measured."""

import pytest
from matplotlib.figure import Figure

from ssr_connector.evaluation.figures import COLOURS
from ssr_connector.studies.picture import curves, dots, draw_grid, shades
from ssr_connector.studies.study import Grid, Line, Panel, Picture, Shade

LINES = (Line("ours", "SSR", "ours"), Line("theirs", "cascade", "cascade"))
PICTURE = Picture(y="ours", y_label="right", lines=LINES)


@pytest.fixture
def results(planted):
    return planted({"clean": 0.9, "loud": 0.6, "quiet": 0.8}, ("ours", "theirs"))


def drawn(axes, colour):
    """The points of a line."""
    return [line for line in axes.lines if line.get_color() == COLOURS[colour] and line.get_marker() == "o"]


def test_curves_go_through_the_arms_of_a_panel_with_clean_speech_named(results):
    axes = Figure().add_subplot()
    curves(axes, results, PICTURE, Panel("Noise", "dB", {"clean": 26.0, "loud": 0.0, "quiet": 10.0, "unheard": 20.0}))
    for name in ("ours", "cascade"):
        (line,) = drawn(axes, name)
        assert list(line.get_ydata()) == pytest.approx([60, 80, 90])
        assert list(line.get_xdata()) == pytest.approx([0, 10, 26], abs=0.5)
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "10", "clean"]
    assert axes.get_legend_handles_labels()[1] == ["SSR", "cascade", "chance"]


def test_a_row_has_a_point_for_each_line_and_the_legend_names_each_once(results):
    axes = Figure().add_subplot()
    dots(axes, results, PICTURE, ["clean", "loud", "quiet"])
    assert [line.get_xdata()[0] for line in drawn(axes, "cascade")] == pytest.approx([90, 60, 80])
    above, below = (drawn(axes, name)[1].get_ydata()[0] for name in ("ours", "cascade"))
    assert above < 1 < below
    assert axes.get_legend_handles_labels()[1] == ["SSR", "cascade"]


GRID = Grid(
    (Shade("ours", "right", "{:.0f}"),),
    {"one": {"left": "clean", "right": "loud"}, "two": {"left": "quiet", "right": "unheard"}, "none": {"left": "no"}},
    "side",
)


def test_a_cell_of_a_grid_says_its_value_and_is_the_darker_the_higher(results):
    axes = Figure().add_subplot()
    shades(axes, results, GRID, GRID.shades[0], ["one", "two"], ["left", "right"])
    assert {text.get_position(): text.get_text() for text in axes.texts} == {(0, 0): "90", (1, 0): "60", (0, 1): "80"}
    (image,) = axes.images
    ground = {value: image.cmap(image.norm(value))[0] for value in (60.0, 80.0, 90.0)}  # red: none of it in our blue
    assert ground[60.0] > ground[80.0] > ground[90.0] > 0.3


def test_lines_and_columns_of_a_grid_without_arms_are_left_out(planted, tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr("ssr_connector.studies.picture.shades", lambda *given: drawn.append(given[-2:]))
    draw_grid(planted({"clean": 0.5, "quiet": 0.6}, ("ours",)), GRID, tmp_path / "grid.png")
    assert drawn == [(["one", "two"], ["left"])]
