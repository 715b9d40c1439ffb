""" "Your devices": pages on which people see where they are signed in, and end it."""

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
    """For those who are logged in, wherever it is included."""

    http_method_names = ["get", "head", "post", "options"]
    decorators = (
        csrf_protect,
        sensitive_post_parameters("password"),
        answer_503(page_503(f"{TEMPLATES}/outage.html")),
        never_cache,
    )


class DeviceList(Page, TemplateView):
    """All of them, this one first."""

    template_name = f"{TEMPLATES}/list.html"
    paginate_by = 20

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        found = Paginator(devices.of(self.request), self.paginate_by)
        number = self.request.GET.get("page")
        return super().get_context_data(page=found.get_page(number), **kwargs)


class DeviceForm(Page, FormView):  # type: ignore[type-arg]
    """A page with a form. Subclasses are about one device, or about all others."""

    success_url = reverse_lazy("multisession:devices")

    def get_form_kwargs(self) -> dict[str, Any]:
        return {**super().get_form_kwargs(), "label_suffix": ""}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        here = self.request.get_full_path()
        login = redirect_to_login(here, self.get_login_url(), self.get_redirect_field_name())
        return super().get_context_data(login_url=login.url, **kwargs)

    def tell(self, level: int, text: str) -> HttpResponse:
        """Back to the list, with a message where the project shows any."""
        messages.add_message(self.request, level, text, fail_silently=True)
        return redirect(self.get_success_url())


class OneDevice(DeviceForm):
    """``handle`` in the URL names it. What is no handle, has ended, or is somebody else's is not
    told apart: 404."""

    device: Device

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated:
            found = devices.get(request, kwargs["handle"])
            if found is None:
                return render(request, f"{TEMPLATES}/gone.html", status=HTTPStatus.NOT_FOUND)
            self.device = found
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        return super().get_context_data(device=self.device, **kwargs)

    def tell_gone(self) -> HttpResponse:
        return self.tell(messages.INFO, _("This device was signed out already."))


class DeviceRename(OneDevice):
    template_name = f"{TEMPLATES}/rename.html"
    form_class = LabelForm

    def get_initial(self) -> dict[str, Any]:
        return {"label": self.device.info.label}

    def form_valid(self, form: Form) -> HttpResponse:
        if not sessions.relabel(self.device.info.handle, form.cleaned_data["label"]):
            return self.tell_gone()
        return self.tell(messages.SUCCESS, _("The name is saved."))


class DeviceEnd(OneDevice):
    """One's own session is ended by signing out, for which nobody is asked who it is."""

    template_name = f"{TEMPLATES}/end.html"
    form_class = ConfirmForm

    def get_form_kwargs(self) -> dict[str, Any]:
        asks = not self.device.is_current
        return {**super().get_form_kwargs(), "request": self.request, "asks": asks}

    def form_valid(self, form: Form) -> HttpResponse:
        if self.device.is_current:
            logout(self.request)
            return redirect(_after_logout())
        if not devices.end(self.device):
            return self.tell_gone()
        name = f"\u2068{self.device.name}\u2069"  # isolated, whatever its direction
        text = _("%(device)s is signed out.") % {"device": name}
        return self.tell(messages.SUCCESS, text)


class DeviceEndOthers(DeviceForm):
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
            return self.tell(messages.INFO, _("You are signed in nowhere else."))
        text = ngettext(
            "%(number)d other device is signed out.",
            "%(number)d other devices are signed out.",
            number,
        )
        return self.tell(messages.SUCCESS, text % {"number": number})


def _after_logout() -> str:
    return resolve_url(
        conf.django_setting("LOGOUT_REDIRECT_URL") or conf.django_setting("LOGIN_URL")
    )
