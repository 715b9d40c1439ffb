"""The session list: Django's ChangeList, with a `Search` in place of a queryset."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import quote
from django.contrib.admin.views.main import PAGE_VAR, ChangeList
from django.core.paginator import InvalidPage, Paginator
from django.http import HttpRequest
from django.urls import reverse

from .. import sessions
from ..engine import store
from ..sessions import owners
from .charts import Chart, grouped, make_charts, rounded
from .filters import Filter, Owner
from .rows import SessionRow, make_rows
from .search import Search, SearchResult
from .users import find_users


class Selection:
    """The sessions that an admin action works on. It stands in for the queryset of an action."""

    def __init__(self, changelist: SessionList, request: HttpRequest) -> None:
        self._changelist, self._request = changelist, request

    def filter(self, pk__in: Sequence[str]) -> Sequence[SessionRow]:
        """Return the sessions with these handles that still exist. One read for each."""
        infos = [info for handle in dict.fromkeys(pk__in) if (info := sessions.get(handle))]
        return make_rows(infos, self._request)

    def __iter__(self) -> Iterator[SessionRow]:
        """Iterate over all sessions that the search has found ("select across")."""
        return iter(make_rows(self._changelist.found.infos, self._request))


class SessionList(ChangeList):
    """The list on one page.

    If all matching sessions were found, pages have numbers. Otherwise the page parameter of the URL
    is a cursor of the storage.
    """

    found: SearchResult

    def get_queryset(self, request: HttpRequest, exclude_parameters: Any = None) -> Any:
        self.filter_specs, self.has_filters, rest, _, self.has_active_filters = self.get_filters(
            request
        )
        if rest:
            raise IncorrectLookupParameters
        self.clear_all_filters_qs = self.get_query_string(remove=self.get_filters_params())
        return Selection(self, request)

    def get_results(self, request: HttpRequest) -> None:
        cursor = request.GET.get(PAGE_VAR)
        try:
            self.found = self._search(request).run(None if _is_number(cursor) else cursor)
            self._paginate(request)
        except (ValueError, InvalidPage):
            raise IncorrectLookupParameters from None
        self.show_admin_actions = bool(self.result_list)
        self.show_full_result_count = False
        # If it differs from result_count, the search box shows "1 result (show all)".
        is_all = not (self.query or self.has_active_filters)
        self.full_result_count = self.result_count if is_all else None

    @property
    def next_page(self) -> str | None:
        """The query string of the next page, if pages have cursors and there is another one."""
        cursor = self.found.cursor
        return self.get_query_string({PAGE_VAR: cursor}) if cursor is not None else None

    @property
    def first_page(self) -> str:
        return self.get_query_string(remove=[PAGE_VAR])

    @property
    def estimate(self) -> str | None:
        """The estimated number of all sessions, or None if it is known exactly."""
        is_exact = len(self.found.sample) == self.found.total
        return None if is_exact else rounded(self.found.total)

    @property
    def sampled(self) -> str:
        return grouped(len(self.found.sample))

    @property
    def is_sorted(self) -> bool:
        """True if sessions are sorted by activity over all pages, not only on each."""
        return self.found.is_complete or store().storage.pages_by_activity

    def charts(self) -> Sequence[Chart]:
        now = store().storage.clock()
        return make_charts(self.found.sample, self.found.total, now) if self.found.sample else []

    def url_for_result(self, result: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        site = self.model_admin.admin_site.name
        return reverse(name, args=[quote(result.pk)], current_app=site)

    def _search(self, request: HttpRequest) -> Search:
        specs = [spec for spec in self.filter_specs if isinstance(spec, Filter)]
        active = [spec for spec in specs if spec.value() is not None]
        text = self.query.strip()
        if not text and any(isinstance(spec, Owner) for spec in active):
            text = f"user:{owners.user_pk(request.user)}"  # the index is faster than the filter
        users = partial(find_users, request=request, site=self.model_admin.admin_site)
        return Search(text, [spec.matches for spec in active], self.list_per_page, users)

    def _paginate(self, request: HttpRequest) -> None:
        infos = self.found.infos
        size = self.list_per_page if self.found.is_complete else max(1, len(infos))
        self.paginator = Paginator(infos, size)
        self.result_list = make_rows([*self.paginator.page(self.page_num)], request)
        self.result_count = len(infos)
        self.multi_page, self.can_show_all = self.paginator.num_pages > 1, False


def _is_number(page: str | None) -> bool:
    return page is None or page.isdecimal()
