"""A base class for views that carry their decorators with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

from django.http import HttpResponseBase
from django.views import View


class DecoratedView(View):
    """A view that applies its decorators in as_view(), so that subclasses keep them."""

    decorators: ClassVar[Sequence[Callable[..., Any]]] = ()  # from the innermost to the outermost

    @classmethod
    def as_view(cls, **initkwargs: Any) -> Callable[..., HttpResponseBase]:
        """Return the view function, decorated."""
        view: Any = super().as_view(**initkwargs)
        for decorator in cls.decorators:
            view = decorator(view)
        return view  # type: ignore[no-any-return]
