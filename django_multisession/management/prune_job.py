"""The work of ``clearsessions_multi``: pruning of one engine after the other, with results."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core.management.base import OutputWrapper

from .. import engine as engines
from ..maintenance.pruning import Pace, RetentionPolicy, batches, count_by_policy, end_by_policy
from ..maintenance.wording import count_noun
from ..session import SessionStore
from .cli import Progress, require_engine
from .scheduler import ShutdownFlag


@dataclass(kw_only=True)
class Result:
    """The result for one engine.

    ``pruned``: expired sessions and index entries without a session; None if the engine does not
    count them. ``ended``: live sessions ended by the policy. ``seconds``: the time it took.
    """

    engine: str
    pruned: int | None = 0
    ended: int = 0
    status: str = "done"  # or "partial", "failed"
    seconds: float = 0.0
    dry_run: bool = False
    error: str | None = None

    @property
    def done(self) -> int:
        """The number of sessions deleted."""
        return (self.pruned or 0) + self.ended

    def facts(self) -> dict[str, Any]:
        """Return the fields of the JSON line."""
        return asdict(self)

    def sentence(self) -> str:
        """Return the line that people read."""
        would = "would be " if self.dry_run else ""
        pruned = "pruned" if self.pruned is None else count_noun(self.pruned, "expired session")
        texts = [f"{self.engine}: {pruned}", f" {would}pruned" if self.pruned is not None else ""]
        if self.ended:
            texts.append(f", {count_noun(self.ended, 'other')} {would}ended")
        texts.append(f" ({self.seconds:.1f} s)")
        if self.status == "failed":
            return f"{''.join(texts[:2] if self.done else [self.engine])}: {self.error}"
        return "".join(texts) + ("; stopped early." if self.status == "partial" else ".")


class Throttle:
    """Pauses between batches, cut short when the command is asked to stop."""

    def __init__(self, stop: ShutdownFlag, batch_size: int, pause: float) -> None:
        self._stop, self._batch_size, self._pause = stop, batch_size, pause
        self._since = 0  # sessions since the last pause

    def should_stop(self, number: int) -> bool:
        """Count ``number`` more sessions; pause if a batch is full. Return whether to stop."""
        self._since += number
        if self._since < self._batch_size:
            return bool(self._stop)
        self._since = 0
        return bool(self._stop) or self._stop.wait(self._pause)


class Job:
    """Pruning of several engines.

    ``renew`` is called between batches and returns False once another instance has taken over.
    """

    def __init__(
        self,
        names: Sequence[str],
        policy: RetentionPolicy | None,
        pace: Pace,
        throttle: Throttle,
        *,
        dry_run: bool,
        raises: bool,
    ) -> None:
        """``names``: engines. Raises CommandError if one of them cannot be used."""
        self.engines = {name: require_engine(name, engines.load) for name in names}
        self.policy, self.pace, self.throttle = policy, pace, throttle
        self.dry_run, self.raises = dry_run, raises
        self.renew: Callable[[], bool] = lambda: True

    def run(self, out: OutputWrapper, *, hidden: bool) -> Iterator[Result]:
        """Yield the result of each engine. After a failure the other engines are still pruned."""
        for name, engine in self.engines.items():
            result, begun = Result(engine=name, dry_run=self.dry_run), time.monotonic()
            try:
                if self.throttle.should_stop(0):
                    result.status = "partial"
                else:
                    self._run(engine, result, out, hidden)
            except Exception as error:  # any client library's
                if self.raises:
                    raise
                result.status, result.error = "failed", f"{type(error).__name__}: {error}"
            result.seconds = round(time.monotonic() - begun, 3)
            yield result

    def _run(self, engine: type[Any], result: Result, out: OutputWrapper, hidden: bool) -> None:
        if not issubclass(engine, SessionStore):
            result.pruned = None
            if not self.dry_run:
                engine.clear_expired()
        elif self.dry_run:
            self._count(engine, result)
        else:
            self._delete(engine, result, Progress(out, result.engine, hidden=hidden))

    def _count(self, engine: type[SessionStore], result: Result) -> None:
        result.pruned = engine.storage.count(expired_only=True)
        for number in count_by_policy(engine, self.policy, self.pace) if self.policy else ():
            result.ended += number
            if self.throttle.should_stop(0):
                result.status = "partial"
                break

    def _delete(self, engine: type[SessionStore], result: Result, progress: Progress) -> None:
        try:
            for kind, number in self._steps(engine, progress):
                setattr(result, kind, getattr(result, kind) + number)
                progress(result.done)
                if self.throttle.should_stop(number) or not self.renew():
                    result.status = "partial"
                    break
        finally:
            progress.end()
        if self.pace.limit is not None and result.done >= self.pace.limit:
            result.status = "partial"

    def _steps(self, engine: type[SessionStore], progress: Progress) -> Iterator[tuple[str, int]]:
        if progress.is_shown:
            progress.total = engine.storage.count(expired_only=True)
        pace, pruned = self.pace, 0
        for number in batches(engine, pace):
            pruned += number
            yield "pruned", number
        if self.policy:
            progress.total = None
            for number in end_by_policy(engine, self.policy, pace.after(pruned)):
                yield "ended", number
