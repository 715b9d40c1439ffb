"""The views of the API.

They require a user, who is authenticated by a cookie with a CSRF token or by a bearer token.
"""

from __future__ import annotations

import json
from http import HTTPStatus
from pathlib import Path
from typing import Any

from django.contrib.auth import logout
from django.core.paginator import InvalidPage, Paginator
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.debug import sensitive_variables
from django.views.decorators.http import require_safe

from .. import conf, devices, sessions
from ..auth import reauthentication
from ..devices import Device
from ..session import SessionGone
from ..web.api_errors import ApiError, unavailable
from ..web.decorated_view import DecoratedView
from ..web.outages import answer_503
from . import csrf, errors
from .bodies import text_in

SCHEMA = Path(__file__).with_name("openapi.json")


class ApiView(DecoratedView):
    """A view for authenticated users. Every response except 204 is JSON, errors included."""

    decorators = (answer_503(unavailable().response), never_cache, csrf_exempt)

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            if not request.user.is_authenticated:
                raise errors.not_authenticated()
            csrf.check(request)
            return super().dispatch(request, *args, **kwargs)
        except ApiError as error:
            return error.response()
        except SessionGone:  # the session was ended during the request
            logout(request)
            return errors.not_authenticated().response()

    def http_method_not_allowed(
        self, request: HttpRequest, *args: Any, **kwargs: Any
    ) -> HttpResponse:
        raise errors.not_allowed(request.method, [*self._allowed_methods()])  # type: ignore[attr-defined]

    @property
    def session(self) -> Any:
        """The session of the request."""
        return self.request.session

    def require_recent(self) -> None:
        """Raise ApiError if the user did not authenticate recently."""
        if not reauthentication.is_recent(self.session):
            raise errors.unconfirmed()


class Devices(ApiView):
    """The list of the user's devices, in pages of 100."""

    paginate_by = 100

    def get(self, request: HttpRequest) -> HttpResponse:
        paginator = Paginator(devices.of(request), self.paginate_by)
        try:
            page = paginator.page(request.GET.get("page", 1))
        except InvalidPage as error:
            raise errors.invalid(f"The page must be 1 to {paginator.num_pages}.") from error
        numbers = {"count": paginator.count, "page": page.number, "pages": paginator.num_pages}
        return JsonResponse({**numbers, "devices": [to_json(device) for device in page]})


class OneDevice(ApiView):
    """One device, which can be read, renamed and signed out."""

    def get(self, request: HttpRequest, handle: str) -> HttpResponse:
        return JsonResponse(to_json(self._device(handle)))

    def patch(self, request: HttpRequest, handle: str) -> HttpResponse:
        """Set the label of the device."""
        device, label = self._device(handle), text_in(request, "label")
        try:
            is_found = sessions.relabel(handle, label)
        except ValueError as error:
            raise errors.invalid(str(error)) from error
        if not is_found:
            raise errors.not_found()
        return JsonResponse(to_json(device.with_label(label)))

    def delete(self, request: HttpRequest, handle: str) -> HttpResponse:
        """Sign out the device. For the current one this is a logout."""
        device = self._device(handle)
        if device.is_current:
            logout(request)
        else:
            self.require_recent()
            devices.end(device)
        return HttpResponse(status=HTTPStatus.NO_CONTENT)

    def _device(self, handle: str) -> Device:
        """Return the user's device. Raises ApiError if there is none with this handle."""
        device = devices.get(self.request, handle)
        if device is None:
            raise errors.not_found()
        return device


class EndOthers(ApiView):
    """Signs out all devices but the current one."""

    def post(self, request: HttpRequest) -> HttpResponse:
        self.require_recent()
        return JsonResponse({"ended": devices.end_others(request)})


class Confirm(ApiView):
    """Confirms the user's password, which counts as a recent authentication."""

    @sensitive_variables()
    def post(self, request: HttpRequest) -> HttpResponse:
        if not reauthentication.confirm_password(request, text_in(request, "password")):
            raise errors.wrong_password()
        return HttpResponse(status=HTTPStatus.NO_CONTENT)


@require_safe
def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI description, with the name of this project's session cookie."""
    description = json.loads(SCHEMA.read_text())
    description["components"]["securitySchemes"]["cookie"]["name"] = conf.cookie()["key"]
    return JsonResponse(description)


def to_json(device: Device) -> dict[str, Any]:
    """Return the device as a JSON object. Times become ISO 8601 in UTC."""
    info = device.info
    return {
        "handle": info.handle,
        "name": device.name,
        "label": info.label,
        "device": info.device,
        "kind": device.kind,
        "ip": info.ip,
        "place": device.place,
        "created_at": info.created_at,
        "last_seen_at": info.last_seen_at,
        "expires_at": info.expires_at,
        "is_current": device.is_current,
    }
