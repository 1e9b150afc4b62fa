"""Names get numbers: the same as from a dict, whatever holds them and whatever they are."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hybridsampler.lists import numbered


class Member(str, Enum):  # noqa: UP042 -- that is hashed as its text
    """Text that is not hashed as text is."""

    ENGLISH = "en"
    GERMAN = "de"


# Few letters, so that names meet again, and many of one length and with the same ends.
texts = st.text("abü", max_size=4) | st.sampled_from([f"language {n}" for n in range(200)])
names = texts | st.sampled_from(Member)


def fresh(languages: Sequence[str]) -> list[str]:
    """The same texts, each an object of its own."""
    return [str.__str__(name).encode().decode() for name in languages]


@given(
    st.lists(names),
    st.lists(texts, max_size=5, unique=True),
    st.sampled_from([list, tuple, fresh, lambda own: np.array(own, object)]),
)
def test_names_are_numbered_as_a_dict_would(
    languages: list[str], known: list[str], held: Callable[[list[str]], Any]
) -> None:
    numbers = {name: number for number, name in enumerate(known)}
    expected = [numbers.setdefault(str.__str__(name), len(numbers)) for name in languages]
    found, codes = numbered("languages", held(languages), len(languages), tuple(known))
    assert codes.tolist() == expected
    assert list(found) == list(numbers)
    assert {type(name) for name in found} <= {str}


@pytest.mark.parametrize("kind", [pa.string(), pa.dictionary(pa.int8(), pa.string())])
def test_arrow_columns_are_read_a_part_at_a_time(kind: pa.DataType) -> None:
    languages = ["en", "de", *["fr"] * 65_535, "de", "es"]
    column = pa.chunked_array([pa.array(languages[:5], kind), pa.array(languages[5:], kind)])
    found, codes = numbered("languages", column, len(languages), ("de",))
    assert found == ("de", "en", "fr", "es")
    assert [found[code] for code in codes] == languages
    missing = pa.array([*languages, None], kind)
    with pytest.raises(TypeError, match="languages: row 65539 has None: give names as str"):
        numbered("languages", missing, None)
    assert numbered("languages", column[:0], 0)[0] == ()


@pytest.mark.parametrize("held", [list, tuple, lambda own: np.array(own, object)])
def test_a_value_that_is_no_name_is_named_with_its_row(held: Callable[[list[Any]], Any]) -> None:
    for wrong in (None, 1, b"en", float("nan")):
        with pytest.raises(TypeError) as caught:
            numbered("languages", held(["en", "de", wrong]), 3)
        assert str(caught.value) == f"languages: row 2 has {wrong!r}: give names as str"


def test_what_fails_to_give_its_names_is_not_blamed_on_them() -> None:
    class Broken(list[str]):
        def __iter__(self) -> Any:
            raise TypeError("out of order")

    with pytest.raises(TypeError, match=r"^out of order$"):
        numbered("languages", Broken(["en"]), 1)
