"""What an administrator looks for, and what is found: on every engine, however many sessions there
are, with bounded work and a fixed number of round trips."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from itertools import chain, islice
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from .. import conf, sessions
from ..core import keys
from ..sessions import SessionInfo, owners

# Sessions that are sorted and counted here. A form that selects them all has as many fields, of
# which Django takes a thousand.
MAX_SORTED = 900
PAGE_STEPS = (1, 2, 15)  # pages that are looked at, one after the other, for one page to show
USERS = 10  # whose sessions one search finds

Matches = Callable[[SessionInfo], bool]


@dataclass(frozen=True)
class SearchResult:
    """Some sessions, the most recently active first."""

    infos: Sequence[SessionInfo]
    is_all: bool = True  # there are no others, so they can be counted and paged
    cursor: str | None = None  # else where to go on
    notes: Sequence[str] = ()  # for whoever searched
    # Where no user, handle or reference was named: all sessions or some, and how many there are.
    sample: Sequence[SessionInfo] = ()
    about: int = 0


@dataclass(frozen=True)
class Search:
    """``text`` as it was typed. ``wanted``: what filters say, each of them. ``limit``: sessions a
    page, where there are no filters. ``users``: finds so many, by a text."""

    text: str
    wanted: Sequence[Matches]
    limit: int
    users: Callable[[str, int], Sequence[Any]]

    def found(self, cursor: str | None = None) -> SearchResult:
        """Raises ValueError for a cursor that is none."""
        if network := _network(self.text):
            wanted = [*self.wanted, lambda info: _is_within(info, network)]
            return replace(self, text="", wanted=wanted).found(cursor)
        if self.text:
            return self._handle_cache()
        return self._first() if cursor is None else self._look(cursor)

    def _handle_cache(self) -> SearchResult:
        """By handle, by reference, or by user."""
        name, colon, value = self.text.partition(":")
        if keys.is_handle(self.text):
            return self._all(filter(None, [sessions.get(self.text)]))
        if colon and value.strip() and name in conf.references():
            return self._of_reference(name, value.strip())
        if "user" not in conf.references():
            return SearchResult(
                [], notes=[_("Sessions do not know their users: MULTISESSION_REFERENCES.")]
            )
        return self._of_users()

    def _of_reference(self, name: str, value: str) -> SearchResult:
        try:
            return self._all(sessions.find(name, value))
        except ValueError as error:  # too long, for example
            return SearchResult([], notes=[str(error)])

    def _of_users(self) -> SearchResult:
        users = self.users(self.text, USERS + 1)
        of_each = (sessions.find("user", owners.user_pk(user)) for user in users[:USERS])
        found = self._all(chain.from_iterable(of_each))
        if len(users) <= USERS:
            return found
        note = _("More than %(number)d users match: these are the sessions of the first ones.")
        return replace(found, notes=[*found.notes, note % {"number": USERS}])

    def _all(self, infos: Iterable[SessionInfo]) -> SearchResult:
        """As many as can be sorted here."""
        some = [*islice(infos, MAX_SORTED + 1)]
        if len(some) <= MAX_SORTED:
            return SearchResult(self._chosen(some))
        note = _("There are more than %(number)d: these are some of them.") % {"number": MAX_SORTED}
        return SearchResult(self._chosen(some[:MAX_SORTED]), notes=[note])

    def _first(self) -> SearchResult:
        """Where there are few, all of them."""
        sample, about = sessions.sample(MAX_SORTED)
        is_all = len(sample) == about
        found = SearchResult(self._chosen(sample)) if is_all else self._look(None)
        return replace(found, sample=sample, about=about)

    def _look(self, cursor: str | None) -> SearchResult:
        """At the next ones; at more of them, where the filters want few."""
        chosen, looked_at = list[SessionInfo](), 0
        for pages in PAGE_STEPS:
            infos, cursor = sessions.page(cursor, pages * self.limit)
            chosen, looked_at = self._chosen([*chosen, *infos]), looked_at + len(infos)
            if cursor is None or len(chosen) >= self.limit / 2:
                break
        told = ngettext(
            "Looked at %(number)d session.", "Looked at %(number)d sessions.", looked_at
        )
        notes = [told % {"number": looked_at}] if self.wanted else []
        return SearchResult(chosen, is_all=False, cursor=cursor, notes=notes)

    def _chosen(self, infos: Iterable[SessionInfo]) -> list[SessionInfo]:
        chosen = [info for info in infos if all(matches(info) for matches in self.wanted)]
        return sorted(chosen, key=lambda info: (info.last_seen_at, info.handle), reverse=True)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """An address is a network of its own."""
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    address = getattr(network.network_address, "ipv4_mapped", None)
    return ip_network(address) if address and network.num_addresses == 1 else network


def _is_within(info: SessionInfo, network: IPv4Network | IPv6Network) -> bool:
    return info.ip is not None and ip_address(info.ip) in network
