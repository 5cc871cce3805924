import math
from itertools import product

import numpy as np
import pytest

from ssr_connector.evaluation.stats import clustered_mean, clustered_median, holm, mean, paired_difference, sign_flip_p


def test_mean_and_interval_of_a_known_proportion():
    estimate = mean([1.0] * 70 + [0.0] * 30, 4000)
    assert estimate.value == pytest.approx(0.7)
    half = 1.96 * math.sqrt(0.7 * 0.3 / 100)
    assert estimate.ci95[0] == pytest.approx(0.7 - half, abs=0.02)
    assert estimate.ci95[1] == pytest.approx(0.7 + half, abs=0.02)


def test_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(1)
    hits = 0
    for _ in range(200):
        low, high = mean(list((rng.random(80) < 0.6).astype(float)), 300).ci95
        hits += low <= 0.6 <= high
    assert 180 <= hits <= 200


def test_weighted_mean_is_the_ratio_of_sums():
    assert mean([1, 0, 3], 100, weights=[10, 20, 10]).value == pytest.approx(0.1)


def test_pairing_narrows_the_interval():
    rng = np.random.default_rng(2)
    before = rng.random(300)
    after = before + 0.01
    assert paired_difference(list(after), list(before), 500).ci95 == pytest.approx((0.01, 0.01))
    unpaired = mean(list(after), 500)
    assert unpaired.ci95[1] - unpaired.ci95[0] > 0.05
    with pytest.raises(ValueError, match="paired"):
        paired_difference([1.0], [1.0, 2.0], 10)


def test_one_item_has_no_interval_and_none_no_mean():
    assert mean([0.5], 100).ci95 is None
    with pytest.raises(ValueError, match="no items"):
        mean([], 100)


def test_scaling_keeps_the_sides_of_the_interval():
    scaled = mean([0.0, 1.0, 1.0], 200).scaled(100)
    assert scaled.value == pytest.approx(200 / 3)
    assert 0 <= scaled.ci95[0] <= scaled.value <= scaled.ci95[1] <= 100


def test_items_that_go_together_widen_the_interval():
    values = [1.0] * 50 + [0.0] * 50
    alone = clustered_mean(values, [str(k) for k in range(100)], 1000)
    together = clustered_mean(values, [str(k // 10) for k in range(100)], 1000)
    assert alone.value == together.value == 0.5
    assert alone.n == together.n == 100
    assert alone.ci95 == pytest.approx(mean(values, 1000).ci95)
    assert together.ci95[1] - together.ci95[0] > 2 * (alone.ci95[1] - alone.ci95[0])
    paired = paired_difference(values, [0.5] * 100, 1000, [str(k // 10) for k in range(100)])
    assert paired.ci95[0] == pytest.approx(together.ci95[0] - 0.5)


def test_median_over_groups():
    estimate = clustered_median([[1.0, 2.0], [3.0], [4.0, 100.0]], 500)
    assert (estimate.value, estimate.n) == (3.0, 5)
    assert estimate.ci95[0] <= 3.0 <= estimate.ci95[1]
    assert clustered_median([[1.0, 3.0]], 500).ci95 is None


def test_shares_make_several_values_count_as_one():
    values, clusters, shares = [1.0, 0.0, 0.0, 1.0], ["a", "a", "a", "b"], [1 / 3, 1 / 3, 1 / 3, 1.0]
    estimate = clustered_mean(values, clusters, 500, shares)
    assert estimate.value == pytest.approx((1 / 3 + 1) / 2)
    assert estimate.n == 2
    assert estimate.ci95 == pytest.approx((1 / 3, 1))
    paired = paired_difference(values, [0.0] * 4, 500, clusters, shares)
    assert (paired.value, paired.n) == (estimate.value, 2)


def test_sign_flips_are_those_of_all_signs():
    changes = [3.0, -1.0, 2.0, 2.5, 0.0, 4.0, -0.5]
    moved = [c for c in changes if c]
    sums = [abs(sum(s * c for s, c in zip(signs, moved, strict=True))) for signs in product((1, -1), repeat=len(moved))]
    exact = sum(s >= abs(sum(moved)) for s in sums) / len(sums)
    assert sign_flip_p(changes) == pytest.approx(exact, abs=0.01)
    assert sign_flip_p([-c for c in changes]) == sign_flip_p(changes)
    assert sign_flip_p([0.0, 0.0]) == sign_flip_p([]) == 1.0
    assert sign_flip_p([1.0] * 12, draws=1000) == pytest.approx(1 / 1001, abs=3e-3)


def test_what_no_draw_reaches_is_bounded_and_never_too_low():
    """Of a hundred changes of one sign the p-value is 2 / 2¹⁰⁰: no number of comparisons makes that doubtful."""
    assert 2 / 2**100 <= sign_flip_p([1.0] * 100) < 1e-20
    assert 2 / 2**25 <= sign_flip_p([1.0] * 25, draws=100) <= 1 / 101


def test_holm_s_correction():
    """The example of Holm (1979) as textbooks have it, and what any correction must do."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.2]) == [0.2]
    assert holm([0.9, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_false_claims_rare():
    """Of 400 families of thirty comparisons without a difference, about twenty claim anything."""
    rng = np.random.default_rng(0)
    claiming = sum(min(holm(rng.random(30).tolist())) <= 0.05 for _ in range(400))
    assert 8 <= claiming <= 34
