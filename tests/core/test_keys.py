import secrets
import string
from collections import Counter

import pytest

from django_multisession.core import keys
from django_multisession.core.keys import hash_key, is_handle, is_key, new_handle, new_key, position

ALPHABET = string.ascii_lowercase + string.digits
HANDLE = hash_key("a" * 32)


@pytest.fixture(scope="module")
def many():
    return [new_key() for _ in range(10_000)]


def test_keys_have_32_characters_of_the_alphabet(many):
    assert {len(key) for key in many} == {32}
    assert set().union(*many) == set(ALPHABET)


def test_keys_are_unique(many):
    assert len(set(many)) == len(many)


def test_every_character_is_as_likely_as_any_other(many):
    """Chi-square, 35 degrees of freedom, is 35 +- 8. Bytes modulo 36 would give about 660."""
    counts = Counter("".join(many))
    expected = counts.total() / len(ALPHABET)
    assert sum((counts[c] - expected) ** 2 / expected for c in ALPHABET) < 150


def test_keys_come_from_the_systems_generator_of_secrets():
    assert keys.token_bytes is secrets.token_bytes


def test_random_bytes_map_evenly_onto_the_alphabet(monkeypatch):
    def key_from(byte):
        monkeypatch.setattr(keys, "token_bytes", lambda size: bytes([byte]) * size)
        return new_key()

    counts = Counter(key_from(byte) for byte in range(252))
    assert counts == {character * 32: 7 for character in ALPHABET}


@pytest.mark.parametrize("byte", range(252, 256))
def test_bytes_that_would_favour_some_characters_are_dropped(monkeypatch, byte):
    draws = iter([bytes([byte])])
    monkeypatch.setattr(keys, "token_bytes", lambda size: next(draws, b"\x02") * size)
    assert new_key() == "c" * 32


def test_a_short_draw_is_filled_up(monkeypatch):
    draws = iter([b"\xff" * 63 + b"\x00", b"\x01" * 64])
    monkeypatch.setattr(keys, "token_bytes", lambda size: next(draws))
    assert new_key() == "a" + "b" * 31


@pytest.mark.parametrize(
    "offered", ["a" * 8, "0" * 32, "z9" * 20, new_key()], ids=["8", "32", "40", "new"]
)
def test_is_key(offered):
    assert is_key(offered) is True


HOSTILE = {
    "empty": "",
    "one character": "a",
    "7 characters": "a" * 7,
    "41 characters": "a" * 41,
    "10 kB": "a" * 10_000,
    "upper case": "A" * 32,
    "one upper case": "a" * 31 + "A",
    "Arabic digits": "\u0661" * 32,
    "fullwidth letters": "\uff41" * 32,
    "long s, which folds to s": "a" * 31 + "\u017f",
    "NUL at the end": "a" * 32 + "\0",
    "NUL inside": "a" * 16 + "\0" + "a" * 15,
    "newline at the end": "a" * 32 + "\n",
    "newline in front": "\n" + "a" * 32,
    "space": "a" * 31 + " ",
    "path": "../../../../etc/passwd",
    "file": "a" * 28 + ".txt",
    "pattern": "a" * 31 + "*",
    "Redis hash tag": "{aaaaaaaa}",
    "SQL": "' or 1=1 --",
    "handle": HANDLE,
    "lone surrogate": "a" * 31 + "\ud800",
    "None": None,
    "bytes": b"a" * 32,
    "int": 10**31,
    "bool": True,
    "list": ["a"] * 32,
}


@pytest.mark.parametrize("offered", HOSTILE.values(), ids=HOSTILE)
def test_what_is_no_key(offered):
    assert is_key(offered) is False


@pytest.mark.parametrize(
    ("key", "handle"),
    [  # the vectors of FIPS 180-2, in base64 as by RFC 4648 section 5 without padding
        ("abc", "ungWv48Bz-pBQUDeXa4iI7ADYaOWF3qctBD_YfIAFa0"),
        (
            "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
            "JI1qYdIGOLjlwCaTDD5gOaM85Flk_yFn9uzt1BnbBsE",
        ),
    ],
)
def test_a_handle_is_the_sha256_of_the_key(key, handle):
    assert hash_key(key) == handle


def test_a_handle_has_43_url_safe_characters(many):
    handles = [hash_key(key) for key in many[:2000]]
    assert {len(handle) for handle in handles} == {43}
    assert set().union(*handles) == set(string.ascii_letters + string.digits + "-_")


def test_handles_of_different_keys_differ(many):
    assert len({hash_key(key) for key in many}) == len(many)


def test_a_handle_is_never_a_key_and_a_key_never_a_handle(many):
    handles = [hash_key(key) for key in many[:2000]]
    assert all(is_handle(handle) and not is_key(handle) for handle in handles)
    assert not any(is_handle(key) for key in many[:2000])


@pytest.mark.parametrize("handle", ["a" * 43, "-" * 43, "_" * 43, HANDLE])
def test_is_handle(handle):
    assert is_handle(handle) is True


@pytest.mark.parametrize(
    "offered",
    [
        "",
        HANDLE[:-1],
        HANDLE + "a",
        HANDLE + "\n",
        HANDLE + "=",
        "+" + HANDLE[1:],
        "/" + HANDLE[1:],
        "\u00e9" + HANDLE[1:],
        "\0" + HANDLE[1:],
        None,
        HANDLE.encode(),
        43,
    ],
)
def test_what_is_no_handle(offered):
    assert is_handle(offered) is False


# Positions of handles

SORTED = sorted(f"{string.ascii_letters}{string.digits}-_")


def test_a_new_handle_is_one_and_of_no_session():
    handles = {new_handle() for _ in range(1000)}
    assert len(handles) == 1000
    assert all(map(is_handle, handles))


def test_new_handles_are_anywhere():
    """Each tenth of the positions has a tenth of the handles: 1000 +- 30."""
    tenths = Counter(int(10 * position(new_handle())) for _ in range(10_000))
    assert set(tenths) == set(range(10))
    assert all(700 < count < 1300 for count in tenths.values())


def test_the_order_of_places_is_that_of_the_handles(many):
    handles = sorted(map(hash_key, many))
    places = [position(handle) for handle in handles]
    assert places == sorted(set(places))
    assert 0 <= places[0] < 0.01
    assert 0.99 < places[-1] < 1


@pytest.mark.parametrize("digit", [1, 2, 3])
def test_every_character_has_its_place(digit):
    """The position agrees with the order of the encoded handles."""
    handles = ["-" * (digit - 1) + character + "-" * (43 - digit) for character in SORTED]
    assert [position(handle) * 64**digit for handle in handles] == [*range(64)]


def test_the_first_and_the_last_place():
    assert position("-" * 43) == 0
    assert 1 - 2**-50 < position("z" * 43) <= 1


@pytest.mark.parametrize("text", ["", "a", "+/=", "\0" * 43, "\u00fc\U0001f600", "~" * 100])
def test_what_is_no_handle_has_a_place_that_does_no_harm(text):
    assert -1 < position(text) < 1
