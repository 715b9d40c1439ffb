from django.apps import AppConfig


class MultisessionConfig(AppConfig):
    name = "django_multisession"
    verbose_name = "Sessions"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        from . import auth, checks  # noqa: F401 - importing them registers what they hold

        auth.connect()
