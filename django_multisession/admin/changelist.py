"""The list: Django's own, on what `search` finds in the place of a queryset."""

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
from .charts import Chart, charts_of, grouped, rounded
from .filters import Filter, Owner
from .rows import SessionRow, rows_of
from .search import Search, SearchResult
from .users import users_matching


class Selection:
    """In the place of a queryset, for actions: what is listed, or what is selected by handles."""

    def __init__(self, changelist: SessionList, request: HttpRequest) -> None:
        self._changelist, self._request = changelist, request

    def filter(self, pk__in: Sequence[str]) -> Sequence[SessionRow]:
        """Those that are still there, looked up by their handles."""
        infos = [info for handle in dict.fromkeys(pk__in) if (info := sessions.get(handle))]
        return rows_of(infos, self._request)

    def __iter__(self) -> Iterator[SessionRow]:
        return iter(rows_of(self._changelist.found.infos, self._request))


class SessionList(ChangeList):
    """A page is numbered where all that was found is at hand; else its "number" is a cursor."""

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
            self.found = self._search(request).found(None if _is_number(cursor) else cursor)
            self._paginate(request)
        except (ValueError, InvalidPage):
            raise IncorrectLookupParameters from None
        self.show_admin_actions = bool(self.result_list)
        self.show_full_result_count = False
        # Another number lets the search box say "1 result (show all)".
        is_all = not (self.query or self.has_active_filters)
        self.full_result_count = self.result_count if is_all else None

    @property
    def next_page(self) -> str | None:
        """The query of it, where there are no numbers."""
        cursor = self.found.cursor
        return self.get_query_string({PAGE_VAR: cursor}) if cursor is not None else None

    @property
    def first_page(self) -> str:
        return self.get_query_string(remove=[PAGE_VAR])

    @property
    def estimate(self) -> str | None:
        """How many sessions there are. None: those at hand are all."""
        is_exact = len(self.found.sample) == self.found.about
        return None if is_exact else rounded(self.found.about)

    @property
    def sampled(self) -> str:
        return grouped(len(self.found.sample))

    @property
    def is_sorted(self) -> bool:
        return self.found.is_all or store().storage.pages_by_activity

    def charts(self) -> Sequence[Chart]:
        now = store().storage.clock()
        return charts_of(self.found.sample, self.found.about, now) if self.found.sample else []

    def url_for_result(self, result: Any) -> str:
        name = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        site = self.model_admin.admin_site.name
        return reverse(name, args=[quote(result.pk)], current_app=site)

    def _search(self, request: HttpRequest) -> Search:
        specs = [spec for spec in self.filter_specs if isinstance(spec, Filter)]
        chosen = [spec for spec in specs if spec.value() is not None]
        text = self.query.strip()
        if not text and any(isinstance(spec, Owner) for spec in chosen):
            text = f"user:{owners.user_pk(request.user)}"  # of whom there is an index
        site = self.model_admin.admin_site
        users = partial(users_matching, request=request, site=site)
        return Search(text, [spec.matches for spec in chosen], self.list_per_page, users)

    def _paginate(self, request: HttpRequest) -> None:
        found = self.found.infos
        size = self.list_per_page if self.found.is_all else max(1, len(found))
        self.paginator = Paginator(found, size)
        self.result_list = rows_of([*self.paginator.page(self.page_num)], request)
        self.result_count = len(found)
        self.multi_page, self.can_show_all = self.paginator.num_pages > 1, False


def _is_number(page: str | None) -> bool:
    return page is None or page.isdecimal()
