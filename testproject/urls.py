from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

import views

login = LoginView.as_view(
    template_name="login.html",
    redirect_authenticated_user=True,
    extra_context=views.CREDENTIALS,
)

urlpatterns = [
    path("", views.home, name="home"),
    path("remember/", views.remember, name="remember"),
    path("forget/", views.forget, name="forget"),
    path("login/", login, name="login"),
    path("logout/", LogoutView.as_view(), name="logout"),
    path("api/session/", views.api_session, name="api_session"),
    path("api/visits/", views.api_visits, name="api_visits"),
]
