"""The search behind the session list.

It works with every engine and any number of sessions, with bounded memory and a bounded number of
round trips.
"""

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

# Up to this many sessions are sorted and counted in memory. The form that selects all of them has
# one field for each, and Django accepts 1000 fields (DATA_UPLOAD_MAX_NUMBER_FIELDS).
MAX_SORTED = 900
# With filters, sessions are read in steps of so many pages until half a page of them matches.
PAGE_STEPS = (1, 2, 15)
MAX_USERS = 10  # whose sessions one search finds

Matches = Callable[[SessionInfo], bool]


@dataclass(frozen=True)
class SearchResult:
    """The sessions found, the most recently active first."""

    infos: Sequence[SessionInfo]
    is_complete: bool = True  # no others match, so the list can be counted and split into pages
    cursor: str | None = None  # continues an incomplete result; None at its end
    notes: Sequence[str] = ()  # messages to show above the list
    # Only if the search names no user, handle or reference: a sample of all sessions, and how many
    # sessions there are. If that is the size of the sample, the sample holds all of them.
    sample: Sequence[SessionInfo] = ()
    total: int = 0


@dataclass(frozen=True)
class Search:
    """A search text with filters.

    ``text``: as it was typed, stripped. ``filters``: a session has to match all of them.
    ``page_size``: sessions on a page, unless filters leave fewer. ``find_users``: returns at most
    so many users for a text.
    """

    text: str
    filters: Sequence[Matches]
    page_size: int
    find_users: Callable[[str, int], Sequence[Any]]

    def run(self, cursor: str | None = None) -> SearchResult:
        """Return the sessions found, from this cursor on. Raises ValueError for a bad cursor."""
        if network := _network(self.text):
            filters = [*self.filters, lambda info: _is_within(info, network)]
            return replace(self, text="", filters=filters).run(cursor)
        if self.text:
            return self._by_text()
        return self._first_page() if cursor is None else self._page(cursor)

    def _by_text(self) -> SearchResult:
        """Search by handle, by reference (``name:value``), or by user."""
        name, colon, value = self.text.partition(":")
        if keys.is_handle(self.text):
            return self._sorted(filter(None, [sessions.get(self.text)]))
        if colon and value.strip() and name in conf.references():
            return self._by_reference(name, value.strip())
        if "user" not in conf.references():
            note = _("Searching by user needs the reference “user” in MULTISESSION_REFERENCES.")
            return SearchResult([], notes=[note])
        return self._by_user()

    def _by_reference(self, name: str, value: str) -> SearchResult:
        try:
            return self._sorted(sessions.find(name, value))
        except ValueError as error:  # too long, for example
            return SearchResult([], notes=[str(error)])

    def _by_user(self) -> SearchResult:
        users = self.find_users(self.text, MAX_USERS + 1)
        found = (sessions.find("user", owners.user_pk(user)) for user in users[:MAX_USERS])
        result = self._sorted(chain.from_iterable(found))
        if len(users) <= MAX_USERS:
            return result
        note = _("More than %(number)d users match. Only the sessions of the first ones are shown.")
        return replace(result, notes=[*result.notes, note % {"number": MAX_USERS}])

    def _sorted(self, infos: Iterable[SessionInfo]) -> SearchResult:
        """Return a complete result, cut to MAX_SORTED sessions."""
        read = [*islice(infos, MAX_SORTED + 1)]
        if len(read) <= MAX_SORTED:
            return SearchResult(self._matching(read))
        note = _("There are more than %(number)d sessions. Only some of them are shown.")
        notes = [note % {"number": MAX_SORTED}]
        return SearchResult(self._matching(read[:MAX_SORTED]), notes=notes)

    def _first_page(self) -> SearchResult:
        """Return all sessions if they can be sorted in memory, else the first page of them."""
        sample, total = sessions.sample(MAX_SORTED)
        has_all = len(sample) == total
        result = SearchResult(self._matching(sample)) if has_all else self._page(None)
        return replace(result, sample=sample, total=total)

    def _page(self, cursor: str | None) -> SearchResult:
        """Return the next sessions that match. Up to three reads if filters leave few."""
        found, searched = list[SessionInfo](), 0
        for pages in PAGE_STEPS:
            infos, cursor = sessions.page(cursor, pages * self.page_size)
            found, searched = self._matching([*found, *infos]), searched + len(infos)
            if cursor is None or len(found) >= self.page_size / 2:
                break
        note = ngettext("Searched %(number)d session.", "Searched %(number)d sessions.", searched)
        notes = [note % {"number": searched}] if self.filters else []
        return SearchResult(found, is_complete=False, cursor=cursor, notes=notes)

    def _matching(self, infos: Iterable[SessionInfo]) -> list[SessionInfo]:
        found = [info for info in infos if all(matches(info) for matches in self.filters)]
        return sorted(found, key=lambda info: (info.last_seen_at, info.handle), reverse=True)


def _network(text: str) -> IPv4Network | IPv6Network | None:
    """Parse an IP address or a network. None: the text is neither.

    An IPv4 address in IPv6 notation (``::ffff:192.0.2.1``) becomes an IPv4 address.
    """
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        return None
    ip = getattr(network.network_address, "ipv4_mapped", None)
    return ip_network(ip) if ip and network.num_addresses == 1 else network


def _is_within(info: SessionInfo, network: IPv4Network | IPv6Network) -> bool:
    return info.ip is not None and ip_address(info.ip) in network
