"""URLs of the pages in `views`: ``path("devices/", include("django_multisession.urls"))``."""

from django.urls import path

from . import views

app_name = "multisession"
urlpatterns = [
    path("", views.DeviceList.as_view(), name="devices"),
    path("end-others/", views.DeviceEndOthers.as_view(), name="device_end_others"),
    path("<handle>/rename/", views.DeviceRename.as_view(), name="device_rename"),
    path("<handle>/end/", views.DeviceEnd.as_view(), name="device_end"),
]
