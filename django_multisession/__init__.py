"""Session engines for Django that lose no updates and know whose each session is."""

__version__ = "0.1.0"
