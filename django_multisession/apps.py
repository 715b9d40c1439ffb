from django.apps import AppConfig
from django.utils.translation import gettext_lazy


class MultisessionConfig(AppConfig):
    name = "django_multisession"
    verbose_name = gettext_lazy("Sessions")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import auth, checks, conf  # noqa: F401 - importing `checks` registers them

        auth.connect()
        if conf.channel_layers():
            from .channels import notifications

            notifications.connect()
