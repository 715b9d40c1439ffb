"""The template tags of ``{% load multisession %}``."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template

from support.admin_site import own
from support.costs import counting
from support.device_pages import use_templates
from support.geoip_files import write_cities
from support.project import install
from support.user_agents import FIREFOX, IPHONE

EVIL = "<b>&\"'"


def render(source, **context):
    return Template("{% load multisession %}" + source).render(Context(context))


class TestDevices:
    def test_this_one_first(self, home, ada, mine):
        home.add(ada, label="Phone")
        home.add(home.user("grace"), label="hers")
        assert mine.get("/tagged/").content == b"Firefox on Linux;Phone;"

    def test_they_tell_what_the_list_tells(self, home, ada, mine, rf):
        home.add(ada, label="Phone", agent=IPHONE)
        request = rf.get("/")
        request.user, request.session = ada, mine.session
        source = (
            "{% devices as mine %}{% for d in mine %}{{ d.info.handle|length }} {{ d.name }} "
            "{{ d.kind }} {{ d.is_current }} {{ d.info.last_seen_at|ago }};{% endfor %}"
        )
        here, phone, _ = render(source, request=request).split(";")
        assert here.startswith("43 Firefox on Linux computer True <time")
        assert phone.startswith("43 Phone mobile False <time")

    def test_names_are_text(self, home, ada, mine):
        home.add(ada, label=EVIL)
        assert mine.get("/tagged/").content == b"Firefox on Linux;&lt;b&gt;&amp;&quot;&#x27;;"

    def test_nobody_has_none(self, home):
        assert home.browser().get("/tagged/").content == b""

    def test_nobody_costs_nothing(self, home, rf, monkeypatch):
        request = rf.get("/")
        request.user = AnonymousUser()
        with counting(home.storage, monkeypatch) as told:
            assert render("{% devices as mine %}{{ mine|length }}", request=request) == "0"
        assert told == [{}, 0]

    def test_somebody_is_one_look(self, home, ada, mine, monkeypatch):
        home.several(30, user=ada)
        with counting(home.storage, monkeypatch) as told:
            mine.get("/tagged/")
        assert told == [{"read": 1, "find": 1}, 1]

    def test_templates_end_nothing(self, home, ada, mine, rf):
        """Templates call any callable, so the methods that end sessions must refuse."""
        request = rf.get("/")
        request.user, request.session = ada, mine.session
        render("{% devices as d %}{{ d.0.info.end }}{{ d.0.info.aend }}", request=request)
        assert home.is_there(own(mine))

    def test_without_the_request_it_says_what_to_do(self, mine, settings):
        use_templates(settings, without="processors.request")
        remedy = "add the context processor 'django.template.context_processors.request'"
        with pytest.raises(ImproperlyConfigured, match=remedy):
            mine.get("/tagged/")
        with pytest.raises(ImproperlyConfigured, match=remedy):
            render("{% devices as mine %}")


@pytest.fixture
def now(memory_storage, settings, monkeypatch):
    install(memory_storage, settings, monkeypatch)
    return memory_storage.clock.now


@pytest.mark.parametrize(
    ("before", "text"),
    [
        ({"seconds": 0}, "just now"),
        ({"seconds": 59}, "just now"),
        ({"seconds": -30}, "just now"),  # the clocks of two servers differ
        ({"seconds": 60}, "1\xa0minute ago"),
        ({"minutes": 119}, "1\xa0hour ago"),
        ({"days": 20}, "2\xa0weeks ago"),
    ],
)
@pytest.mark.parametrize("use_tz", [True, False])
def test_ago(now, settings, before, text, use_tz):
    settings.USE_TZ = use_tz
    html = render("{{ at|ago }}", at=now - timedelta(**before))
    assert html.endswith(f">{text}</time>")
    assert f'datetime="{(now - timedelta(**before)).isoformat()}"' in html


def test_ago_has_the_exact_time_of_the_site(now, settings):
    settings.TIME_ZONE = "Asia/Tokyo"
    at = now.replace(year=2025, month=5, day=5, hour=18, minute=0, second=0)
    assert 'title="May 6, 2025, 3 a.m."' in render("{{ at|ago }}", at=at)


@pytest.mark.parametrize(
    ("agent", "text", "kind"),
    [
        (FIREFOX, "Firefox on Linux", "computer"),
        (IPHONE, "Mobile Safari on iOS", "mobile"),
        ("curl/8.5", "curl", "other"),
        ("", "Unknown device", "other"),
    ],
)
def test_devices_in_words(agent, text, kind):
    source = "{{ agent|device }}/{{ agent|device_kind }}"
    assert render(source, agent=agent) == f"{text}/{kind}"


def test_a_device_is_text():
    assert "<b>" not in render("{{ agent|device }}", agent="<b>bot/1.0 <script>-crawler/2.0")


class TestPlace:
    @pytest.fixture
    def known(self, settings, tmp_path):
        pytest.importorskip("mmdb_writer")
        cities = {"198.51.100.0/24": ("Berlin", "Germany"), "192.0.2.0/24": (EVIL, "")}
        write_cities(tmp_path, cities)
        settings.GEOIP_PATH = str(tmp_path)

    def test_with_a_database(self, known):
        assert render("{{ ip|place }}", ip="198.51.100.3") == "Berlin, Germany"
        assert render("{{ ip|place }}", ip="203.0.113.1") == ""

    @pytest.mark.parametrize("ip", [None, "", "198.51.100.3"])
    def test_without_one(self, settings, ip):
        settings.GEOIP_PATH = None
        assert render("{{ ip|place }}", ip=ip) == ""

    @pytest.mark.parametrize("ip", [None, ""])
    def test_of_no_address(self, known, ip):
        assert render("{{ ip|place }}", ip=ip) == ""

    def test_it_is_text(self, known):
        assert render("{{ ip|place }}", ip="192.0.2.1") == "&lt;b&gt;&amp;&quot;&#x27;"
