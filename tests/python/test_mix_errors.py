"""Mixes that are refused, and a mix as a value."""

import math
import pickle
from dataclasses import FrozenInstanceError
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from corpora import (
    KINDS,
    regular,
)
from hybridsampler import BatchPlan, HybridBatchSampler, Mix

# Bad mixes


def refused(arguments: dict[str, Any], *parts: str) -> None:
    with pytest.raises(ValueError) as caught:  # noqa: PT011  parts: below
        Mix(**arguments)
    for part in parts:
        assert part in str(caught.value)


BAD: list[Any] = [-1, -1e-300, math.nan, math.inf, -math.inf, "1", None, [1.0]]


@pytest.mark.parametrize("weight", BAD)
@pytest.mark.parametrize("kind", KINDS)
def test_bad_weight_of_a_kind(kind: str, weight: Any) -> None:
    arguments = dict.fromkeys(KINDS, 1.0) | {kind: weight}
    refused(arguments, f"weight {weight!r} of {kind!r}", "give a number of 0 or more")


@pytest.mark.parametrize("weight", BAD)
@pytest.mark.parametrize("level", ["languages", "sources"])
def test_bad_weight_of_a_name(level: str, weight: Any) -> None:
    refused(
        {"monolingual": 1, level: {"a": 1.0, "b": weight}},
        f"{level}: weight {weight!r} of 'b'",
        "give a number of 0 or more",
    )


@pytest.mark.parametrize("weight", BAD)
def test_bad_weight_of_a_pair(weight: Any) -> None:
    refused(
        {"cross_lingual": 1, "pairs": {("de", "en"): weight}},
        f"pairs: weight {weight!r} of ('de', 'en')",
        "give a number of 0 or more",
    )


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        ({}, "Mix"),
        ({"monolingual": 0, "cross_lingual": 0.0, "mixed": 0}, "Mix"),
        ({"monolingual": 1, "languages": {"de": 0, "en": 0.0}}, "languages"),
        ({"monolingual": 1, "languages": {}}, "languages"),
        ({"monolingual": 1, "sources": {"wiki": 0}}, "sources"),
        ({"cross_lingual": 1, "pairs": {("de", "en"): 0}}, "pairs"),
    ],
)
def test_weights_that_sum_to_0(arguments: dict[str, Any], name: str) -> None:
    refused(arguments, f"{name}: all weights are 0", "give at least one a positive weight")


@pytest.mark.parametrize("value", [0, 0.0, -1.0, math.nan, math.inf, 10**400, "2", None])
@pytest.mark.parametrize("name", ["language_temperature", "source_temperature"])
def test_bad_temperature(name: str, value: Any) -> None:
    refused({"monolingual": 1, name: value}, f"{name}={value!r}", "a positive number")


@pytest.mark.parametrize("given", ["uniform", {"de": 1.0}])
@pytest.mark.parametrize("name", ["language", "source"])
def test_temperatures_are_of_sizes(name: str, given: Any) -> None:
    arguments = {"monolingual": 1, f"{name}s": given, f"{name}_temperature": 3}
    refused(arguments, f"{name}_temperature=3 changes sizes alone: give {name}s='size', or leave")
    assert Mix(**arguments | {f"{name}_temperature": 1}) == Mix(
        monolingual=1, **{f"{name}s": given}
    )


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("languages", "uniform, size, a mapping of weights"),
        ("sources", "uniform, size, a mapping of weights"),
        ("pairs", "uniform, a mapping of weights"),
        ("draws", "balanced, random"),
    ],
)
def test_unknown_word(name: str, known: str) -> None:
    refused({"monolingual": 1, name: "sise"}, f"{name}='sise'", f"choose one of {known}")


# A mix is a value


def test_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Mix(monolingual=1).monolingual = 2  # type: ignore[misc]  # what is refused


def test_keeps_copies_of_the_caller_s_weights() -> None:
    languages, pairs = {"de": 1.0, "en": 2.0}, {("de", "en"): 1.0}
    mix = Mix(monolingual=1, languages=languages, pairs=pairs)
    languages["de"], pairs["en", "de"] = 5.0, 5.0
    assert mix == Mix(monolingual=1, languages={"de": 1.0, "en": 2.0}, pairs={("de", "en"): 1.0})


def test_any_real_number_is_a_weight() -> None:
    data = regular(2, ["de", "en"])
    expected = BatchPlan(data.corpus, Mix(monolingual=2, cross_lingual=1), 2)
    for number in (float, np.float64, np.float32, np.int64, Fraction):
        mix = Mix(monolingual=number(2), cross_lingual=number(1))  # type: ignore[arg-type]  # any
        assert (BatchPlan(data.corpus, mix, 2)[0:9] == expected[0:9]).all()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Mix(monolingual=1), Mix(monolingual=1.0)),
        (Mix(monolingual=0.5), Mix(monolingual=np.float64(0.5))),
        (
            Mix(monolingual=1, languages={"de": 1, "en": 2}),
            Mix(monolingual=1, languages={"en": 2, "de": 1}),
        ),
    ],
    ids=["int and float", "float and numpy", "order of names"],
)
def test_a_state_fits_every_equal_mix(one: Mix, other: Mix) -> None:
    assert one == other
    corpus = regular(4, ["de", "en"]).corpus
    state = HybridBatchSampler(BatchPlan(corpus, one, 2)).state_dict()
    HybridBatchSampler(BatchPlan(corpus, other, 2)).load_state_dict(state)


def test_equal_mixes_look_equal() -> None:
    plain = Mix(monolingual=1, languages={"en": 1}, pairs={("en", "de"): 1})
    numpy_names: Any = {np.str_("en"): np.int64(1)}, {(np.str_("en"), np.str_("de")): 1}
    same = Mix(monolingual=1, mixed=-0.0, languages=numpy_names[0], pairs=numpy_names[1])
    assert repr(same) == repr(plain)
    assert hash(same) == hash(plain)


def test_a_plan_does_not_change_with_its_mix() -> None:
    mix = Mix(monolingual=1, languages={"de": 1.0, "en": 1.0})
    plan = BatchPlan(regular(9, ["de", "en"]).corpus, mix, 2)
    mix.languages["en"] = 7.0  # type: ignore[index]  # a caller who does it anyway
    again = pickle.loads(pickle.dumps(plan))
    assert again.identity == plan.identity
    assert (again[0:20] == plan[0:20]).all()


@pytest.mark.parametrize("name", ["languages", "sources", "pairs"])
def test_weights_without_names(name: str) -> None:
    refused({"monolingual": 1, name: np.array([1.0, 2.0])}, f"{name}=array", "a mapping of weights")


def test_weights_beyond_any_float() -> None:
    with pytest.raises(ValueError, match="give a number of 0 or more"):
        Mix(monolingual=10**400)
    mix = Mix(monolingual=1, languages="size", language_temperature=5e-324)
    with pytest.raises(ValueError, match="temperature 5e-324"):
        BatchPlan(regular(9, ["de", "en"]).corpus, mix, 2)
