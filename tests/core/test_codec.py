import pickle
from datetime import datetime
from decimal import Decimal

import pytest
from django.contrib.sessions.serializers import JSONSerializer
from hypothesis import example, given, settings
from hypothesis import strategies as st

from django_multisession.core.codec import decode, encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=10,
)


class Bytes:
    """A serializer that takes bytes and returns them unchanged."""

    def dumps(self, obj):
        return obj

    def loads(self, data):
        return data


class Pickle:
    def dumps(self, obj):
        return pickle.dumps(obj)

    def loads(self, data):
        return pickle.loads(data)


def assert_fits_into_any_database(data):
    assert isinstance(data, bytes)
    assert data.isascii()
    assert b"\0" not in data


@settings(deadline=None)
@given(JSON)
@example("\0")
@example("~")
@example("\U0001f36a \x7f \u2028")
def test_every_json_value_comes_back(value):
    data = encode(value, JSONSerializer())
    assert_fits_into_any_database(data)
    assert decode(data, JSONSerializer()) == value


@settings(deadline=None)
@given(JSON)
def test_json_is_kept_as_the_serializer_wrote_it(value):
    assert encode(value, JSONSerializer()) == JSONSerializer().dumps(value)


@settings(deadline=None)
@given(st.binary())
@example(b"")
@example(b"\0")
@example(b"a\0b")
@example(b"\xff\xfe")
@example("\u00e9".encode())
@example(b"~")
@example(b"~fg==")
@example(b"a~b")
@example(bytes(range(256)))
def test_whatever_bytes_a_serializer_makes_come_back(data):
    armoured = encode(data, Bytes())
    assert_fits_into_any_database(armoured)
    assert decode(armoured, Bytes()) == data


@pytest.mark.parametrize("data", [b"", b"plain", b"a~b", b'{"a":1}', b"\x01\x7f\n"])
def test_plain_ascii_is_kept_as_it_is(data):
    assert encode(data, Bytes()) == data


@pytest.mark.parametrize("data", [b"\0", b"\x80", b"~", b"~plain"])
def test_anything_else_is_armoured(data):
    assert encode(data, Bytes()).startswith(b"~")


@pytest.mark.parametrize("value", [{1, 2}, b"\0\xff", datetime(2026, 1, 1), Decimal("1.50")])
def test_a_pickled_value_comes_back(value):
    data = encode(value, Pickle())
    assert_fits_into_any_database(data)
    assert decode(data, Pickle()) == value


@pytest.mark.parametrize(
    "value", [object(), {1, 2}, b"bytes", datetime(2026, 1, 1), {"deep": [{(1, 2): 3}]}, 1j]
)
def test_a_value_that_cannot_be_serialized_raises_type_error(value):
    with pytest.raises(TypeError):
        encode(value, JSONSerializer())


@pytest.mark.parametrize(
    "tamper",
    [
        lambda data: data[:-1],
        lambda data: data.replace(b"=", b"!"),
        lambda data: data + b"\n",
        lambda data: data[:3] + b" " + data[3:],
        lambda data: b"~" + data,
        lambda data: data + b"\xff",
        lambda data: b"~A",
    ],
    ids=["cut", "character", "newline", "space", "twice", "non-ASCII", "impossible length"],
)
def test_tampered_armour_raises(tamper):
    data = encode(b"\xff" * 10, Bytes())
    assert data.endswith(b"=")
    with pytest.raises(ValueError, match=r"."):
        decode(tamper(data), Bytes())


@pytest.mark.parametrize("data", [b"", b"{", b"nonsense", b"~", b"~e3s="])
def test_what_the_serializer_cannot_read_raises(data):
    with pytest.raises(ValueError, match=r"Expecting"):
        decode(data, JSONSerializer())
