"""The pages "Your devices", on which people see where they are signed in and sign devices out."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.mixins import LoginRequiredMixin
from django.contrib.auth.views import redirect_to_login
from django.core.paginator import Paginator
from django.forms import Form
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse_lazy
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.generic import FormView, TemplateView

from . import conf, devices, sessions
from .devices import Device
from .forms import ConfirmForm, LabelForm
from .web.decorated_view import DecoratedView
from .web.outages import answer_503, page_503

TEMPLATES = "django_multisession/devices"


class Page(LoginRequiredMixin, DecoratedView):
    """A page for logged-in users, decorated the same wherever it is included or subclassed."""

    http_method_names = ["get", "head", "post", "options"]
    decorators = (
        csrf_protect,
        sensitive_post_parameters("password"),
        answer_503(page_503(f"{TEMPLATES}/outage.html")),
        never_cache,
    )


class DeviceList(Page, TemplateView):
    """The list of the user's devices: the current one first, then the most recently active."""

    template_name = f"{TEMPLATES}/list.html"
    paginate_by = 20

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        paginator = Paginator(devices.of(self.request), self.paginate_by)
        number = self.request.GET.get("page")
        return super().get_context_data(page=paginator.get_page(number), **kwargs)


class DeviceForm(Page, FormView):  # type: ignore[type-arg]
    """A page with a form, about one device or about all others."""

    success_url = reverse_lazy("multisession:devices")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        next_url = self.request.get_full_path()
        login = redirect_to_login(next_url, self.get_login_url(), self.get_redirect_field_name())
        return super().get_context_data(login_url=login.url, **kwargs)

    def redirect_with(self, level: int, text: str) -> HttpResponse:
        """Redirect to the list with a message, if the project has django.contrib.messages."""
        messages.add_message(self.request, level, text, fail_silently=True)
        return redirect(self.get_success_url())


class OneDevice(DeviceForm):
    """A page with a form about the device whose handle is in the URL.

    The response is the same 404 for a malformed handle, for a session that has ended, and for
    somebody else's session.
    """

    device: Device

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            device = devices.get(request, kwargs["handle"])
            if device is None:
                return render(request, f"{TEMPLATES}/gone.html", status=HTTPStatus.NOT_FOUND)
            self.device = device
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(device=self.device, **kwargs)

    def redirect_gone(self) -> HttpResponse:
        """Redirect to the list after the device was signed out by another request."""
        return self.redirect_with(messages.INFO, _("This device was already signed out."))


class DeviceRename(OneDevice):
    """The page on which a device gets a name."""

    template_name = f"{TEMPLATES}/rename.html"
    form_class = LabelForm

    def get_initial(self) -> dict[str, Any]:
        return {"label": self.device.info.label}

    def form_valid(self, form: Form) -> HttpResponse:
        if not sessions.relabel(self.device.info.handle, form.cleaned_data["label"]):
            return self.redirect_gone()
        return self.redirect_with(messages.SUCCESS, _("The name is saved."))


class DeviceEnd(OneDevice):
    """The page on which one device is signed out.

    Signing out the current device is a logout and needs no recent authentication.
    """

    template_name = f"{TEMPLATES}/end.html"
    form_class = ConfirmForm

    def get_form_kwargs(self) -> dict[str, Any]:
        confirms = not self.device.is_current
        return {**super().get_form_kwargs(), "request": self.request, "confirms": confirms}

    def form_valid(self, form: Form) -> HttpResponse:
        if self.device.is_current:
            logout(self.request)
            return redirect(_after_logout())
        if not devices.end(self.device):
            return self.redirect_gone()
        name = f"\u2068{self.device.name}\u2069"  # in a Unicode isolate: it may be right-to-left
        text = _("%(device)s is signed out.") % {"device": name}
        return self.redirect_with(messages.SUCCESS, text)


class DeviceEndOthers(DeviceForm):
    """The page on which all devices but the current one are signed out."""

    template_name = f"{TEMPLATES}/end_others.html"
    form_class = ConfirmForm

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "request": self.request}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        others = [device for device in devices.of(self.request) if not device.is_current]
        return super().get_context_data(others=others, **kwargs)

    def form_valid(self, form: Form) -> HttpResponse:
        number = devices.end_others(self.request)
        if not number:
            return self.redirect_with(
                messages.INFO, _("You are not signed in on any other device.")
            )
        text = ngettext(
            "%(number)d other device is signed out.",
            "%(number)d other devices are signed out.",
            number,
        )
        return self.redirect_with(messages.SUCCESS, text % {"number": number})


def _after_logout() -> str:
    """Return the URL to go to after a logout."""
    return resolve_url(
        conf.django_setting("LOGOUT_REDIRECT_URL") or conf.django_setting("LOGIN_URL")
    )
