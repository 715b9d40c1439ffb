"""Views that carry their decorators with them."""

from __future__ import annotations

import pytest
from django.http import HttpResponse

from django_multisession.web.decorated_view import DecoratedView


def adding(text):
    """Return a decorator that appends text to the response."""

    def decorate(view):
        def decorated(request, *args, **kwargs):
            response = view(request, *args, **kwargs)
            response.write(text)
            return response

        return decorated

    return decorate


class Page(DecoratedView):
    decorators = (adding("inner "), adding("outer "))
    title = "page "

    def get(self, request, *args, **kwargs):
        return HttpResponse(self.title + "".join(args))


class SubclassedPage(Page):
    """A view as a project writes it, which overrides the method."""

    def get(self, request, *args, **kwargs):
        return HttpResponse("project ")


class Undecorated(DecoratedView):
    def get(self, request):
        return HttpResponse("page")


@pytest.fixture
def text_of(rf):
    """``text_of(view)``: the text of its response to a GET request."""
    return lambda view, *args: view(rf.get("/"), *args).content.decode()


def test_the_first_decorator_is_the_innermost(text_of):
    assert text_of(Page.as_view()) == "page inner outer "


def test_a_subclass_that_overrides_the_method_keeps_the_decorators(text_of):
    assert text_of(SubclassedPage.as_view()) == "project inner outer "


def test_arguments_reach_the_view(text_of):
    assert text_of(Page.as_view(title="list "), "of ", "two ") == "list of two inner outer "


def test_a_view_without_decorators_is_as_django_makes_it(text_of):
    assert text_of(Undecorated.as_view()) == "page"
