"""Findings about a Redis server whose configuration endangers sessions or wastes memory. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ..base import Finding

LISTPACK = 128  # bytes; user agents and Django's session hash are longer than the default of 64

UNKNOWN = Finding(
    "unknown",
    "The Redis server does not show its configuration (CONFIG GET).",
    "Make sure that it evicts nothing (maxmemory-policy noeviction), keeps its data over a restart "
    f"(appendonly yes) and has a hash-max-listpack-value of {LISTPACK} or more.",
)


def findings(configurations: Iterable[Mapping[str, str]]) -> list[Finding]:
    """Return what is wrong with any of the servers, each kind of problem once."""
    found = {
        finding.name: finding
        for configuration in configurations
        for finding in _server_findings(configuration)
    }
    return list(found.values())


def _server_findings(configuration: Mapping[str, str]) -> Iterable[Finding]:
    policy = configuration["maxmemory-policy"]
    if policy != "noeviction" and configuration["maxmemory"] != "0":
        yield Finding(
            "eviction",
            f"A full Redis server evicts sessions and the index of their users ({policy}): "
            "people are logged out, or cannot be logged out everywhere.",
            "Set maxmemory-policy noeviction, and keep caches on another server.",
        )
    if not configuration["save"] and configuration["appendonly"] == "no":
        yield Finding(
            "persistence",
            "The Redis server keeps nothing on disk: a restart logs everybody out.",
            "Set appendonly yes.",
        )
    # Before Redis 7 the setting was called ziplist.
    names = ("hash-max-listpack-value", "hash-max-ziplist-value")
    longest = next((configuration[name] for name in names if name in configuration), "0")
    if int(longest) < LISTPACK:
        yield Finding(
            "memory",
            f"Every session takes about twice the memory it needs: {names[0]} is {longest}, and "
            "values of a session are longer.",
            f"Set {names[0]} {LISTPACK} or more (measured: 373 bytes a session instead of 729).",
        )
