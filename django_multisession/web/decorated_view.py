"""Views that bring their decorators along, wherever a project includes or subclasses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.http import HttpResponseBase
from django.views import View


class DecoratedView(View):
    decorators: ClassVar[Sequence[Callable[..., Any]]] = ()  # decorators, from the inside out

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        view: Any = super().as_view(**initkwargs)
        for guard in cls.decorators:
            view = guard(view)
        return view  # type: ignore[no-any-return]
