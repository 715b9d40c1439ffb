from django.contrib import admin
from django.contrib.auth.views import LoginView, LogoutView
from django.urls import include, path

import views
from demo.engine import is_multisession

login = LoginView.as_view(
    template_name="login.html",
    redirect_authenticated_user=True,
    extra_context=views.CREDENTIALS,
)

urlpatterns = [
    path("admin/", admin.site.urls),
    path("", views.home, name="home"),
    path("remember/", views.remember, name="remember"),
    path("forget/", views.forget, name="forget"),
    path("password/", views.PasswordView.as_view(), name="password"),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("api/session/", views.api_session, name="api_session"),
    path("api/visits/", views.api_visits, name="api_visits"),
]
if is_multisession():
    urlpatterns += [
        path("devices/", include("django_multisession.urls")),
        path("api/devices/", include("django_multisession.api.urls")),
    ]
