"""A URLconf of views that each do to the request's session what their name says."""

from __future__ import annotations

from django.http import HttpResponse
from django.urls import path

from django_multisession.backends.memory import SessionStore


async def count(request):
    visits = await request.session.aget("visits", 0) + 1
    await request.session.aset("visits", visits)
    return HttpResponse(str(visits))


def sync_count(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return HttpResponse(str(request.session["visits"]))


async def look(request):
    return HttpResponse(str(await request.session.aget("visits", 0)))


async def ignore(request):
    return HttpResponse("nothing of the session")


async def fail(request):
    await request.session.aset("visits", 99)
    return HttpResponse(status=503)


async def look_and_fail(request):
    await request.session.aget("visits")
    return HttpResponse(status=500)


async def end(request):
    await request.session.aflush()
    return HttpResponse("gone")


async def ended_elsewhere(request):
    await request.session.aset("visits", 7)
    await SessionStore(request.session.session_key).aflush()
    return HttpResponse("too late")


async def without(request):
    del request.session
    return HttpResponse("no session")


async def rotate(request):
    await request.session.acycle_key()
    return HttpResponse("new key")


async def rotate_and_fail(request):
    await request.session.acycle_key()
    await request.session.aset("visits", 99)
    return HttpResponse(status=500)


async def expire(request):
    await request.session.aset_expiry(int(request.GET["in"]))
    return HttpResponse("set")


VIEWS = (
    count,
    sync_count,
    look,
    ignore,
    fail,
    look_and_fail,
    end,
    ended_elsewhere,
    without,
    rotate,
    rotate_and_fail,
    expire,
)
urlpatterns = [path(view.__name__, view) for view in VIEWS]
