"""Sessions that change a lot.

Their size is known without reading them, and changes that do not fit into an update are made wholly
or not at all.
"""

from __future__ import annotations

import pytest

from django_multisession.core.record import Change
from django_multisession.storage.base import SessionTooLarge
from django_multisession.storage.dynamodb import encoding
from django_multisession.storage.dynamodb.encoding import MAX_ITEM_BYTES, SIZE
from support.dynamodb_rules import KB, size_of

A = "A" * 43
USER = {"user": "1"}
LARGE = b"l" * 30 * KB


def stored(observed, id=A):
    return observed.table.sessions()[id]


def rewritten(observed):
    """The requests of a write that is refused and then repeated as a whole item."""
    asked = {"GetItem": 1} if observed.kind == "dynalite" else {}
    return {"UpdateItem": 1, "PutItem": 1, **asked}


class TestOneThatGrows:
    def save(self, observed, fields):
        sent = observed(lambda: observed.storage.update(A, Change(set=fields)))
        assert size_of(stored(observed)) <= int(stored(observed)[SIZE]["N"]) <= MAX_ITEM_BYTES
        return sent

    def test_saves_go_on_for_ever_and_are_counted_again_now_and_then(self, observed):
        observed.storage.insert(A, observed.record())
        sent = [self.save(observed, {"log": LARGE}) for _ in range(60)]
        again = [each for each in sent if each != {"UpdateItem": 1}]
        assert again == [rewritten(observed)] * len(again)
        assert 60 * 30 // 400 <= len(again) <= 60 * 30 // 330

    def test_the_first_save_that_is_too_much_is_refused_and_no_other(self, observed):
        observed.storage.insert(A, observed.record())
        for number in range(13):
            self.save(observed, {f"part {number}": LARGE})
        for _ in range(2):
            with pytest.raises(SessionTooLarge):
                self.save(observed, {"last": LARGE})
        kept = observed.storage.read(A).fields
        assert kept == {f"part {number}": LARGE for number in range(13)}
        assert self.save(observed, {"last": b"1"}) == {"UpdateItem": 1}

    def test_a_field_of_more_than_half_is_replaced(self, observed):
        observed.storage.insert(A, observed.record())
        for number in range(4):
            fields = {"large": bytes([97 + number]) * 250 * KB}
            sent = self.save(observed, fields)
            assert sent == (rewritten(observed) if number else {"UpdateItem": 1})
            assert observed.storage.read(A).fields == fields
        swap = Change(set={"other": b"o" * 250 * KB}, unset={"large"})
        assert observed.storage.update(A, swap)
        assert observed.storage.read(A).fields == swap.set


class TestManyFields:
    CHANGE = Change(set={f"field {n}": b"2" for n in range(150)}, unset={"a"})

    def test_nobody_sees_a_part_of_the_change(self, observed):
        observed.storage.insert(A, observed.record(fields={"a": b"1"}))
        seen = []
        observed.proxy.before(lambda: seen.append(observed.storage.read(A).fields), "PutItem")
        sent = observed(lambda: observed.storage.update(A, self.CHANGE))
        assert seen == [{"a": b"1"}]
        assert sent["PutItem"] == 1
        assert "UpdateItem" not in sent
        assert observed.storage.read(A).fields == self.CHANGE.set

    def test_nothing_that_others_write_meanwhile_is_lost(self, observed):
        observed.storage.insert(A, observed.record(fields={"a": b"1"}))
        other = Change(set={"other": b"3"}, references=USER, label="x")
        observed.proxy.before(lambda: observed.storage.update(A, other), put_of_session)
        assert observed.storage.update(A, self.CHANGE)
        assert observed.storage.read(A).fields == {**self.CHANGE.set, "other": b"3"}
        assert [id for id, _ in observed.storage.find("user", "1")] == [A]

    def test_what_has_ended_meanwhile_stays_so(self, observed):
        observed.storage.insert(A, observed.record())
        observed.proxy.before(lambda: observed.storage.delete(A), "PutItem")
        assert observed.storage.update(A, self.CHANGE) is False
        assert observed.storage.read(A) is None


def put_of_session(request):
    return request.operation == "PutItem" and encoding.is_session(request.body["Item"])
