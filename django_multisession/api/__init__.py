"""A JSON API for the current user's devices. openapi.json describes it, and is served with it."""
