"""JSON as people write it: what is wrong with it is said with its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trmcli.errors import InputError
from trmcli.strict_json import load, load_all

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.floats(allow_nan=False),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)


@given(values, st.sampled_from([None, 1]))
def test_json_is_read_as_python_reads_it(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert load(text, "x") == value
    assert load_all(f"\ufeff{text}\n {text}", "x") == [value, value]


def test_a_number_of_any_length_is_a_number() -> None:
    small, large = load(f"[-{'1' * 5000}, {'9' * 5000}]", "x")
    assert small < -(10**100) and large > 10**100


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1,\n "a": 1}', '2:2: has the key "a" twice in one object: leave one of them'),
        ('[{"b": "a", "c": {"d": [0, {"a": "a", "\\u0061": 2}]}}]', 'in one object, in value 1, c, d 2:'),
        ('{"b": [[1], {"x": 1, "x": 2}], "b": 3}', '1:22: has the key "x" twice in one object, in b 2:'),
        ('{"a\\n\\"{": 1, "b": "a", "a\\n\\"{": 1}', '1:25: has the key "a\\n"{" twice in one object: leave'),
        ('[1,\n 2', "2:3: is not JSON: expecting ',' delimiter"),
        ("[1] [2]", "1:5: is not JSON: extra data"),
        ("", "1:1: is not JSON: expecting value"),
        ("[" * 100_000, "is nested too deeply"),
    ],
)  # fmt: skip
def test_what_is_wrong_has_its_place(text: str, said: str) -> None:
    with pytest.raises(InputError) as error:
        load(text, "x")
    assert str(error.value).startswith("x:")
    assert said in str(error.value)
    assert "\n" not in str(error.value)


@given(st.dictionaries(st.text(), values, min_size=1), st.data())
def test_any_key_that_is_there_twice_is_found(value: dict[str, Any], data: st.DataObject) -> None:
    key = data.draw(st.sampled_from(sorted(value)))
    pairs = [*(json.dumps(one)[1:-1] for one in ({name: inner} for name, inner in value.items()))]
    with pytest.raises(InputError, match="twice in one object: leave"):
        load("{" + ", ".join([*pairs, f"{json.dumps(key)}: 0"]) + "}", "x")
