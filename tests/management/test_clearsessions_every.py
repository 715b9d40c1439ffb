"""`clearsessions_multi --every`: signals, several instances and outages."""

from __future__ import annotations

import re
import select
import signal
import time

import pytest

from django_multisession.storage.db import DatabaseStorage
from support.prune_processes import LEASE, begun, done, ended, over
from support.servers import wait_until

pytestmark = pytest.mark.thorough  # each test starts processes and waits for seconds


EVERY = "--every", "1"


class TestEvery:
    def test_it_prunes_again_and_ends_cleanly(self, pruned_storage, pruned_environment, tmp_path):
        over(pruned_storage, 3)
        with begun(pruned_environment, *EVERY) as process:
            wait_until(lambda: pruned_storage.count(expired_only=True) == 0, "the first turn")
            over(pruned_storage, 4)
            wait_until(lambda: pruned_storage.count(expired_only=True) == 0, "the next turn")
            process.terminate()
            outcome = ended(process, within=2)
        numbers = [int(each) for each in re.findall(r": (\d+) expired", outcome.stdout)]
        assert (outcome.status, outcome.stderr, sum(numbers)) == (0, "", 7)
        assert nobody_holds_the_lease()

    def test_what_it_says_is_seen_at_once(self, pruned_storage, pruned_environment):
        with begun(pruned_environment, *EVERY) as process:
            ready, _, _ = select.select([process.stdout], [], [], 10)
            assert ready
            assert "0 expired" in process.stdout.readline()

    def test_it_ends_while_it_waits_for_the_next_hour(
        self, pruned_storage, pruned_environment, tmp_path
    ):
        with begun(pruned_environment, "--every", "1h") as process:
            wait_until(lambda: not nobody_holds_the_lease(), "its lease")
            process.send_signal(signal.SIGINT)
            assert ended(process, within=2).status == 0
        assert nobody_holds_the_lease()

    def test_in_the_middle_it_finishes_its_batch(self, pruned_storage, pruned_environment):
        over(pruned_storage, 200)
        with begun(
            pruned_environment, *EVERY, "--batch-size", "2", "--pause", "0.05", "--json"
        ) as process:
            wait_until(lambda: pruned_storage.count(expired_only=True) < 190, "the first batches")
            process.terminate()
            outcome = ended(process, within=2)
        (facts,) = outcome.facts
        assert (outcome.status, facts["status"]) == (0, "partial")
        assert pruned_storage.count(expired_only=True) == 200 - facts["pruned"] > 0
        assert done(pruned_environment, "--json").facts[0]["pruned"] == 200 - facts["pruned"]

    @pytest.mark.parametrize("stay", [[], EVERY], ids=["once", "every"])
    def test_sigterm_ends_a_pause(self, pruned_storage, pruned_environment, stay):
        over(pruned_storage, 4)
        with begun(
            pruned_environment, *stay, "--batch-size", "1", "--pause", "6", "--json"
        ) as process:
            wait_until(lambda: pruned_storage.count(expired_only=True) == 3, "the first batch")
            process.terminate()
            outcome = ended(process, within=4)
        assert outcome.status == (0 if stay else 3)
        assert outcome.facts[0]["pruned"] == 1

    def test_of_two_one_is_at_work(self, pruned_storage, pruned_environment):
        with begun(pruned_environment, *EVERY, "--json") as first:
            over(pruned_storage, 1)
            wait_until(lambda: pruned_storage.count(expired_only=True) == 0, "the first instance")
            with begun(pruned_environment, *EVERY, "--verbosity", "2") as second:
                for number in range(3):
                    over(pruned_storage, 1, first=number)
                    wait_until(
                        lambda: pruned_storage.count(expired_only=True) == 0, "the first instance"
                    )
                time.sleep(1.5)
                second.terminate()
                stood_by = ended(second)
            first.terminate()
            assert sum(each["pruned"] for each in ended(first).facts) == 4
        assert {*stood_by.stdout.splitlines()} == {"Another instance is active."}
        assert stood_by.status == 0

    def test_at_the_end_of_one_the_other_goes_on(self, pruned_storage, pruned_environment):
        with begun(pruned_environment, *EVERY) as first, begun(pruned_environment, *EVERY):
            over(pruned_storage, 1)
            wait_until(lambda: pruned_storage.count(expired_only=True) == 0, "an instance")
            first.terminate()
            ended(first)
            over(pruned_storage, 1)
            wait_until(lambda: pruned_storage.count(expired_only=True) == 0, "the other instance")

    def test_after_one_was_killed_the_other_takes_over(
        self, pruned_storage, pruned_environment, tmp_path
    ):
        with begun(pruned_environment, *EVERY, quickly=True) as first:
            wait_until(lambda: not nobody_holds_the_lease(), "its lease")
            with begun(pruned_environment, *EVERY, "--json", quickly=True) as second:
                first.kill()
                first.wait()
                over(pruned_storage, 2)
                wait_until(
                    lambda: pruned_storage.count(expired_only=True) == 0, "the second instance"
                )
                second.terminate()
                assert sum(each["pruned"] for each in ended(second).facts) == 2

    def test_one_that_fails_is_told_and_tried_again(
        self, pruned_storage, pruned_environment, tmp_path
    ):
        (tmp_path / "db").rename(tmp_path / "elsewhere")
        with begun(pruned_environment, *EVERY, "--skip-checks") as process:
            line = process.stderr.readline()
            assert "OperationalError" in line
            process.terminate()
            assert ended(process).status == 0


def nobody_holds_the_lease():
    return DatabaseStorage(database="pruned").active_leases([LEASE]) == {}
