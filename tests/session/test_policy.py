"""`Policy`: the rules that a project sets, as one value, and the session objects that follow it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest
from django.contrib.sessions.serializers import JSONSerializer

from django_multisession import conf
from django_multisession.session import Policy


def test_the_defaults_are_those_of_the_settings():
    assert Policy() == conf.policy()
    assert Policy().serializer is JSONSerializer


def test_a_policy_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Policy().ttl = 5


def session_with(store, policy):
    """Return a session object that follows the policy."""
    return type("SessionStore", (store,), {"policy": staticmethod(lambda: policy)})()


@pytest.mark.parametrize(
    ("ttl", "seconds"),
    [(None, 14 * 86400), (90, 90), (0.5, 1), (timedelta(minutes=1), 60), (timedelta(0), 0)],
)
def test_the_idle_age_is_a_whole_number_of_seconds_or_left_to_django(store, ttl, seconds):
    assert session_with(store, Policy(ttl=ttl)).get_session_cookie_age() == seconds
    assert session_with(store, Policy(ttl=lambda session: ttl)).get_session_cookie_age() == seconds


def test_a_callable_is_given_the_session(store):
    session = session_with(store, Policy(ttl=lambda session: session["minutes"] * 60))
    session["minutes"] = 5
    assert session.get_session_cookie_age() == 300


def test_a_changed_setting_counts_from_the_next_session_object_on(store, settings):
    before = store()
    settings.MULTISESSION_TTL = 5
    assert store().get_session_cookie_age() == 5
    assert before.get_session_cookie_age() == 14 * 86400


def test_two_stores_with_different_policies(store):
    assert session_with(store, Policy(ttl=5)).get_session_cookie_age() == 5
    assert store().get_session_cookie_age() == 14 * 86400
