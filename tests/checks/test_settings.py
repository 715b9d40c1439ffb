"""The checks of the settings of this package, apart from the engine's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from django_multisession import checks, conf
from support.check_cases import (
    A_FUNCTION,
    BY_ALIAS,
    BY_URL,
    LOCMEM,
    NO_FUNCTION,
    a_function,
    assert_mistake,
    ids_in,
)

# Id, wrong settings, text that the message or its hint must contain
WRONG = [
    ("E002", {"MULTISESSION_REFERENCES": None}, "MULTISESSION_REFERENCES"),
    ("E002", {"MULTISESSION_REFERENCES": ["user"]}, "MULTISESSION_REFERENCES"),
    ("E002", {"MULTISESSION_REFERENCES": "user"}, "MULTISESSION_REFERENCES"),
    ("E003", {"MULTISESSION_REFERENCES": {"": "a"}}, "MULTISESSION_REFERENCES['']"),
    ("E003", {"MULTISESSION_REFERENCES": {"User": "a"}}, "MULTISESSION_REFERENCES['User']"),
    ("E003", {"MULTISESSION_REFERENCES": {"1st": "a"}}, "MULTISESSION_REFERENCES['1st']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a-b": "a"}}, "MULTISESSION_REFERENCES['a-b']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a\n": "a"}}, r"MULTISESSION_REFERENCES['a\n']"),
    ("E003", {"MULTISESSION_REFERENCES": {"\u00e9": "a"}}, "MULTISESSION_REFERENCES['\u00e9']"),
    ("E003", {"MULTISESSION_REFERENCES": {"a" * 51: "a"}}, "MULTISESSION_REFERENCES['aaa"),
    ("E003", {"MULTISESSION_REFERENCES": {7: "a"}}, "MULTISESSION_REFERENCES[7]"),
    ("E004", {"MULTISESSION_REFERENCES": {"org": None}}, "MULTISESSION_REFERENCES['org']"),
    ("E004", {"MULTISESSION_REFERENCES": {"org": a_function}}, "MULTISESSION_REFERENCES['org']"),
    ("E005", {"MULTISESSION_REFERENCES": {"org": "no.where"}}, "MULTISESSION_REFERENCES['org']"),
    ("E005", {"MULTISESSION_REFERENCES": {"org": NO_FUNCTION}}, "MULTISESSION_REFERENCES['org']"),
    ("E006", {"MULTISESSION_TTL": "no.where"}, "MULTISESSION_TTL"),
    ("E006", {"MULTISESSION_TTL": "3600"}, "MULTISESSION_TTL"),
    ("E006", {"MULTISESSION_TTL": NO_FUNCTION}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": 0}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": True}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": a_function}, "MULTISESSION_TTL"),
    ("E007", {"MULTISESSION_TTL": timedelta(0)}, "MULTISESSION_TTL"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": 0}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": "3600"}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": timedelta(-1)}, "MULTISESSION_ABSOLUTE_AGE"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": 0}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": -60}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": float("nan")}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": "60"}, "MULTISESSION_TOUCH_INTERVAL"),
    ("E010", {"MULTISESSION_DATABASE": "sessions"}, "MULTISESSION_DATABASE"),
    ("E010", {"MULTISESSION_DATABASE": ""}, "MULTISESSION_DATABASE"),
    ("E011", {"MULTISESSION_CLIENT_IP": "no.where"}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": NO_FUNCTION}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": "remote_addr"}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": a_function}, "MULTISESSION_CLIENT_IP"),
    ("E011", {"MULTISESSION_CLIENT_IP": None}, "MULTISESSION_CLIENT_IP"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": ""}, "MULTISESSION_REDIS_KEY_PREFIX ''"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "my sessions"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "{sessions}"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "s\n"}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": None}, "MULTISESSION_REDIS_KEY_PREFIX"),
    ("E016", {"MULTISESSION_REDIS_ALIAS": None}, "MULTISESSION_REDIS_ALIAS"),
    ("E016", {"MULTISESSION_REDIS_ALIAS": "absent"}, "MULTISESSION_REDIS_ALIAS 'absent'"),
    ("E016", BY_ALIAS | {"CACHES": {"other": LOCMEM}}, "django-redis"),
    ("E016", BY_ALIAS | {"CACHES": {"other": {"BACKEND": "no.where"}}}, "django-redis"),
    ("E017", {"MULTISESSION_REDIS_URL": 6379}, "MULTISESSION_REDIS_URL"),
    ("E018", {"MULTISESSION_REDIS_OPTIONS": None}, "MULTISESSION_REDIS_OPTIONS"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "my sessions"}, "'my sessions'"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "s2"}, "'s2'"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "sessions\n"}, "MULTISESSION_DYNAMODB_TABLE"),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": None}, "MULTISESSION_DYNAMODB_TABLE"),
    ("E022", {"MULTISESSION_DYNAMODB_OPTIONS": "eu-central-1"}, "MULTISESSION_DYNAMODB_OPTIONS"),
    ("E023", {"MULTISESSION_KEEP_EXPIRED": "no"}, "MULTISESSION_KEEP_EXPIRED"),
    (
        "E023",
        {"MULTISESSION_DYNAMODB_CONSISTENT_READ": None},
        "MULTISESSION_DYNAMODB_CONSISTENT_READ",
    ),
    ("E023", {"MULTISESSION_LOG_OUT_ON_PASSWORD_CHANGE": 1}, "PASSWORD_CHANGE"),
    ("E024", {"MULTISESSION_SESSIONS_PER_USER": "no.where"}, "MULTISESSION_SESSIONS_PER_USER"),
    (
        "E025",
        {"MULTISESSION_SESSIONS_PER_USER": 0},
        "MULTISESSION_SESSIONS_PER_USER must be 1 or more, not 0",
    ),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": True}, "1 or more, not True"),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": 1.5}, "1 or more, not 1.5"),
    ("E026", {"MULTISESSION_ON_SESSION_LIMIT": "evict"}, "MULTISESSION_ON_SESSION_LIMIT 'evict'"),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": 0},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be at least one second, not 0",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": "900"},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be a duration, not '900'",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": True},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT must be a duration, not True",
    ),
    (
        "E031",
        {"MULTISESSION_REAUTHENTICATION_TIMEOUT": timedelta(-1)},
        "MULTISESSION_REAUTHENTICATION_TIMEOUT",
    ),
    ("W002", {"MULTISESSION_TLL": 5}, "MULTISESSION_TLL"),
    ("W002", {"MULTISESSION_": 5}, "MULTISESSION_"),
]

# Id that must not be given, settings that are close to its mistake but correct
RIGHT = [
    ("E002", {"MULTISESSION_REFERENCES": {}}),
    ("E003", {"MULTISESSION_REFERENCES": {"a": "a", "org_2": "org", "a" * 50: "long"}}),
    ("E004", {"MULTISESSION_REFERENCES": {"user": "_auth_user_id"}}),
    ("E005", {"MULTISESSION_REFERENCES": {"org": A_FUNCTION}}),
    ("E006", {"MULTISESSION_TTL": A_FUNCTION}),
    ("E007", {"MULTISESSION_TTL": 1}),
    ("E007", {"MULTISESSION_TTL": timedelta(seconds=1)}),
    ("E007", {"MULTISESSION_TTL": None}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": 3600.5}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": timedelta(days=1)}),
    ("E008", {"MULTISESSION_ABSOLUTE_AGE": None}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": 1}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": timedelta(minutes=1)}),
    ("E009", {"MULTISESSION_TOUCH_INTERVAL": None}),
    ("E010", {"MULTISESSION_DATABASE": "default"}),
    ("E010", {"MULTISESSION_DATABASE": None}),
    ("E011", {"MULTISESSION_CLIENT_IP": A_FUNCTION}),
    ("E015", {"MULTISESSION_REDIS_KEY_PREFIX": "my-shop:v2.sessions_"}),
    ("E016", {"CACHES": {"default": LOCMEM, "other": LOCMEM}, "MULTISESSION_REDIS_ALIAS": "other"}),
    ("E016", BY_URL | {"CACHES": {"default": LOCMEM}}),
    ("E017", {"MULTISESSION_REDIS_URL": None}),
    ("E018", {"MULTISESSION_REDIS_OPTIONS": {}}),
    ("E021", {"MULTISESSION_DYNAMODB_TABLE": "My.shop-sessions_2"}),
    ("E022", {"MULTISESSION_DYNAMODB_OPTIONS": {}}),
    ("E023", {"MULTISESSION_KEEP_EXPIRED": True, "MULTISESSION_DYNAMODB_CONSISTENT_READ": False}),
    ("E024", {"MULTISESSION_SESSIONS_PER_USER": A_FUNCTION}),
    ("E025", {"MULTISESSION_SESSIONS_PER_USER": 1}),
    ("E026", {"MULTISESSION_ON_SESSION_LIMIT": "refuse"}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": 1.5}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": timedelta(minutes=5)}),
    ("E031", {"MULTISESSION_REAUTHENTICATION_TIMEOUT": None}),
    ("W002", dict(conf.DEFAULTS)),
    ("W002", {"MULTISESSIONS": 5, "OTHER_MULTISESSION_TLL": 5}),
]


@pytest.mark.parametrize(("id", "wrong", "look_for"), WRONG)
def test_a_mistake_is_reported_with_its_remedy(messages, id, wrong, look_for):
    assert_mistake(messages(wrong), id, look_for)


@pytest.mark.parametrize(("id", "right"), RIGHT)
def test_correct_settings_are_not_reported(messages, id, right):
    assert messages(right) == []


def test_every_id_of_the_module_has_a_wrong_and_a_right_case():
    assert ids_in(checks.settings).keys() == {id for id, *_ in WRONG} == {id for id, _ in RIGHT}


def test_several_mistakes_are_named_at_once(messages):
    wrong = {
        "MULTISESSION_TTL": -1,
        "MULTISESSION_DATABASE": "absent",
        "MULTISESSION_REFERENCES": {"A": 1, "B": "no.where"},
    }
    found = sorted(message.id[-4:] for message in messages(wrong))
    assert found == ["E003", "E003", "E004", "E005", "E007", "E010"]


@pytest.mark.parametrize(
    ("misspelt", "hint"),
    [
        ("MULTISESSION_TLL", "Did you mean MULTISESSION_TTL?"),
        ("MULTISESSION_REFERENCE", "Did you mean MULTISESSION_REFERENCES?"),
        ("MULTISESSION_", "Did you mean "),
    ],
)
def test_the_likely_name_of_a_misspelt_setting(messages, misspelt, hint):
    (message,) = messages({misspelt: 1})
    assert message.hint.startswith(hint)


def test_every_setting_has_a_check():
    checked = {name for _, wrong, _ in WRONG for name in wrong}
    assert conf.DEFAULTS.keys() - {"MULTISESSION_MIGRATE_FROM"} <= checked  # see test_transfer


@pytest.mark.parametrize("path", [".ttl", "..ttl"])
@pytest.mark.parametrize("name", ["MULTISESSION_TTL", "MULTISESSION_CLIENT_IP"])
def test_a_path_that_begins_with_a_dot_is_named(messages, name, path):
    (message,) = messages({name: path})
    assert path in message.msg


def test_an_alias_of_the_wrong_type_is_named(messages):
    assert [message.id for message in messages({"MULTISESSION_DATABASE": ["default"]})] == [
        "multisession.E010"
    ]


DURATIONS = [
    (float("inf"), "at most 10,000,000,000 seconds (317 years), not inf"),
    (10**12, "at most 10,000,000,000 seconds (317 years), not 1000000000000"),
    (timedelta(days=400 * 365), "at most 10,000,000,000 seconds (317 years), not datetime."),
    (float("nan"), "at least one second, not nan"),
    (0.5, "at least one second, not 0.5"),
    (timedelta(milliseconds=999), "at least one second, not datetime.timedelta("),
    (True, "a duration, not True"),
    (1j, "a duration, not 1j"),
]


@pytest.mark.parametrize(
    "name", ["TTL", "ABSOLUTE_AGE", "TOUCH_INTERVAL", "REAUTHENTICATION_TIMEOUT"]
)
@pytest.mark.parametrize(("value", "rule"), DURATIONS)
def test_the_message_names_the_rule_that_a_duration_breaks(messages, name, value, rule):
    (message,) = messages({f"MULTISESSION_{name}": value})
    assert message.msg.startswith(f"MULTISESSION_{name} must be {rule}")


@pytest.mark.parametrize("value", [1, 1.0, 10**10, timedelta(seconds=10**10)])
def test_the_longest_and_the_shortest_duration_are_valid(messages, value):
    assert messages({"MULTISESSION_ABSOLUTE_AGE": value}) == []
