"""Tests of the parsing of MULTISESSION_REDIS_URL."""

import traceback

import pytest

from django_multisession.storage.redis.topology import Cluster, Sentinels, Server
from django_multisession.storage.redis.urls import parse_url

pytestmark = pytest.mark.quick

SECRET = "hunter2"


@pytest.mark.parametrize("tls", ["", "s"])
@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("redis{}://h", Server),
        ("redis{}://u:p@h:7/3?socket_timeout=1", Server),
        ("redis{}+sentinel://h/s", Sentinels),
        ("redis{}+sentinel://u:p@a,b:7/s/3?socket_timeout=1", Sentinels),
        ("redis{}+cluster://h", Cluster),
        ("redis{}+cluster://u:p@a,b:7/?socket_timeout=1", Cluster),
    ],
)
def test_a_scheme_names_a_kind_of_place(url, kind, tls):
    topology = parse_url(url.format(tls), {})
    assert type(topology) is kind
    assert topology.is_cluster is (kind is Cluster)
    assert topology.arguments.get("ssl", False) is bool(tls)


def test_a_socket_is_of_a_server():
    assert type(parse_url("unix:///tmp/s", {})) is Server


@pytest.mark.parametrize("user", ["", "u:p@", ":p%2C%40@", "u:p,q@"])
@pytest.mark.parametrize("tls", ["", "s"])
def test_nodes_have_the_usual_ports_where_the_url_names_none(tls, user):
    hosts = f"{user}a,b:7,[::1],[::2]:8,10.0.0.1"
    assert parse_url(f"redis{tls}+cluster://{hosts}", {}).nodes == nodes(6379)
    assert parse_url(f"redis{tls}+sentinel://{hosts}/s", {}).sentinels == nodes(26379)


def nodes(port):
    return [("a", port), ("b", 7), ("::1", port), ("::2", 8), ("10.0.0.1", port)]


@pytest.mark.parametrize(
    ("rest", "service", "db"),
    [
        ("my-service", "my-service", None),
        ("s.1/", "s.1", None),
        ("s/0", "s", 0),
        ("s/12/", "s", 12),
        ("s?db=3", "s", 3),
        ("s/?socket_timeout=1", "s", None),
    ],
)
def test_sentinels_have_a_service_and_its_servers_databases(rest, service, db):
    topology = parse_url(f"redis+sentinel://h/{rest}", {})
    assert (topology.service, topology.arguments.get("db")) == (service, db)


@pytest.mark.parametrize("url", ["redis://h/1", "redis+sentinel://h/s/1", "unix:///s?db=1"])
def test_options_override_the_url(url):
    topology = parse_url(f"{url}{'&' if '?' in url else '?'}socket_timeout=1", {"db": 2})
    assert (topology.arguments["db"], topology.arguments["socket_timeout"]) == (2, 1)


@pytest.mark.parametrize("url", ["redis://h", "redis+sentinel://h/s", "redis+cluster://h"])
def test_an_argument_that_no_client_has_is_refused_and_named(url):
    for arguments in [(f"{url}?nonsense=1", {}), (url, {"nonsense": 1})]:
        with pytest.raises(ValueError, match=r"MULTISESSION_REDIS_OPTIONS.*'nonsense'"):
            parse_url(*arguments)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("redis://", "host"),
        ("redis:///0", "host"),
        ("unix://", "path"),
        ("h:6379", r"redis\+sentinel"),
        ("http://h", r"redis\+cluster"),
        ("redis://h:port", "cannot be read"),
        ("redis://h:99999", "cannot be read"),
        ("redis://h?socket_timeout=soon", "cannot be read"),
        ("redis://h/name", "database"),
        ("redis://h/1/2", "database"),
        ("redis+sentinel://h", "service"),
        ("redis+sentinel://h/", "service"),
        ("redis+sentinel://h/s/name", "cannot be read"),
        ("redis+sentinel:///s", "cannot be read"),
        ("redis+sentinel://a,,b/s", "host"),
        ("redis+sentinel://a,b:port/s", "host"),
        ("redis+cluster://", "cannot be read"),
        ("redis+cluster://a,", "host"),
        ("redis+cluster://a,[::1", "host|cannot be read"),
        ("redis+cluster://h/0", "database"),
        ("redis+cluster://h?db=1", "database"),
    ],
)
def test_a_url_that_is_none_is_refused(url, text):
    with pytest.raises(ValueError, match=f"MULTISESSION_REDIS_URL.*{text}"):
        parse_url(url, {})


@pytest.mark.parametrize(
    "url",
    [
        f"redis://u:{SECRET}@",
        f"redis://u:{SECRET}@h:port",
        f"redis://u:{SECRET}/x@h",
        f"redis://u:{SECRET}#x@h",
        f"redis://u:{SECRET}?x@h",
        f"redis://u:{SECRET}[@h",
        f"http://u:{SECRET}@h",
        f"redis+sentinel://u:{SECRET}@h",
        f"redis+sentinel://u:{SECRET}@x@h/s",
        f"redis+sentinel://u:{SECRET}/x@h/s",
        f"redis+sentinel://a,u:{SECRET}/x@h",
        f"redis+cluster://u:{SECRET}@h/0",
        f"redis+cluster://u:{SECRET}/x@h",
        f"redis+cluster://u:{SECRET}@a,b:port",
    ],
)
def test_what_is_told_of_a_url_is_not_the_password(url):
    with pytest.raises(ValueError, match="MULTISESSION_REDIS_URL") as error:
        parse_url(url, {})
    assert SECRET not in "".join(traceback.format_exception(error.value))
