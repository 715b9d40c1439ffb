"""An app whose models of users are not Django's; tests/auth/test_models.py installs it."""
