"""An app whose models of users are not Django's; test_auth_models installs it."""
