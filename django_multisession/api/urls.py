"""URLs of the API: ``path("api/devices/", include("django_multisession.api.urls"))``."""

from django.urls import path

from . import views

app_name = "multisession_api"
urlpatterns = [
    path("", views.Devices.as_view(), name="devices"),
    path("confirm/", views.Confirm.as_view(), name="confirm"),
    path("end-others/", views.EndOthers.as_view(), name="end_others"),
    path("openapi.json", views.schema, name="schema"),
    path("<handle>/", views.OneDevice.as_view(), name="device"),
]
