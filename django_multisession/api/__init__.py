"""The same as JSON: one's devices, for scripts and for pages of one's own. What it takes and
answers: openapi.json, which it serves, too."""
