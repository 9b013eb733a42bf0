import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from harness.analysis.diversity import (
    mean_pairwise_cosine,
    per_prompt_mean_pairwise_cosine,
    per_prompt_vector_vendi,
    vector_vendi,
    zero_rows,
)

SOME = st.tuples(st.integers(2, 9), st.integers(1, 6)).flatmap(
    lambda shape: hnp.arrays(
        np.float64, shape, elements=st.floats(-5, 5).filter(lambda x: abs(x) > 1e-3)
    )
)


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


@settings(max_examples=100)
@given(SOME, st.sampled_from([0.5, 1, 2, 3, math.inf]))
def test_vendi_is_that_of_the_kernel_whatever_the_shape(rows, q):
    shares = np.linalg.eigvalsh(unit(rows) @ unit(rows).T / len(rows))
    shares = shares[shares > 1e-12]
    expected = {
        1: lambda: math.exp(-(shares * np.log(shares)).sum()),
        math.inf: lambda: 1 / shares.max(),
    }.get(q, lambda: (shares**q).sum() ** (1 / (1 - q)))()
    assert vector_vendi(rows, q=q) == pytest.approx(expected, rel=1e-5)


@settings(max_examples=100)
@given(SOME)
def test_the_mean_cosine_is_that_over_pairs(rows):
    cosines = unit(rows) @ unit(rows).T
    n = len(rows)
    pairs = [cosines[i, j] for i in range(n) for j in range(i)]
    assert mean_pairwise_cosine(rows) == pytest.approx(np.mean(pairs), abs=1e-9)


def test_identical_directions_are_one_and_orthogonal_ones_n():
    assert vector_vendi([[1, 2], [2, 4], [3, 6]]) == pytest.approx(1)
    assert vector_vendi(np.eye(5)) == pytest.approx(5)
    assert vector_vendi(np.eye(5), q=2) == pytest.approx(5)
    assert mean_pairwise_cosine(np.eye(5)) == pytest.approx(0)


@pytest.mark.parametrize("metric", [vector_vendi, mean_pairwise_cosine])
def test_what_has_no_direction_is_named(metric):
    with pytest.raises(ValueError, match="row 1 is all zeros"):
        metric([[1.0, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="row 0 holds NaN"):
        metric([[math.nan, 0.0], [0.0, 0.0]])
    with pytest.raises(ValueError, match="shape"):
        metric([1.0, 2.0])


@pytest.mark.parametrize("metric", [vector_vendi, mean_pairwise_cosine])
def test_fewer_than_two_vectors_have_no_diversity(metric):
    assert math.isnan(metric([]))
    assert math.isnan(metric([[1.0, 0.0]]))


def test_the_length_of_a_vector_does_not_matter_however_small():
    assert mean_pairwise_cosine([[1e-200, 0], [0, 1e-250]]) == 0
    assert mean_pairwise_cosine([[1e200, 0], [1e-250, 0]]) == pytest.approx(1)


def test_per_prompt_a_zero_vector_leaves_its_prompt_undefined_and_is_counted():
    groups = [np.eye(2), [[0.0, 0.0], [1.0, 1.0]], [], [[1.0, 1.0]]]
    np.testing.assert_allclose(per_prompt_vector_vendi(groups), [2, math.nan, math.nan, math.nan])
    cosines = per_prompt_mean_pairwise_cosine(groups)
    np.testing.assert_allclose(cosines, [0, math.nan, math.nan, math.nan])
    assert zero_rows(groups).tolist() == [0, 1, 0, 0]


def test_a_negative_order_is_refused():
    with pytest.raises(ValueError, match="0 or more"):
        vector_vendi(np.eye(2), q=-1)
