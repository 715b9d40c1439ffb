"""Helpers that views, middleware and admin pages share."""
