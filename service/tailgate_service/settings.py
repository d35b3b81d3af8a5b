"""What the service is told by its environment, read once and checked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast, get_args

from tailgate_otel import names

from tailgate_service import origin
from tailgate_service.errors import SettingsError
from tailgate_service.issuer import Issuer

Variant = Literal["sequential", "parallel", "readmodel"]
VARIANTS: tuple[Variant, ...] = get_args(Variant)
RecorderKind = Literal["lean", "standard"]
RECORDERS: tuple[RecorderKind, ...] = get_args(RecorderKind)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Configuration of one serving process. Raises ``SettingsError`` when a value cannot be.

    ``port`` 0 binds any free port. ``slo`` is the path of the objectives file, from which the recorder takes
    thresholds and query budgets. ``recorder`` is which of ``tailgate_otel``'s recorders watches, the standard one with
    the server span of OpenTelemetry's own instrumentation. Variant ``readmodel`` keeps ``hot_bytes`` of documents in
    memory. Events are pruned ``events_kept`` seconds after they happened. Without ``redis_url`` each process keeps in
    mind by itself; without ``voice_url``, where the voice provider is, agents are stored and not synced. Without an
    ``issuer`` no token is taken. ``allowed_origins`` are those of other hosts' pages that may use the API.
    Secrets stay out of ``repr``.
    """

    database_url: str = field(repr=False)
    webhook_secret: str = field(repr=False)
    webhook_verify_token: str = field(repr=False)
    variant: Variant = "parallel"
    recorder: RecorderKind = "lean"
    host: str = "127.0.0.1"
    port: int = 0
    pool_size: int = 20
    hot_bytes: int = 384 << 20
    events_kept: int = 7 * 86_400
    slo: Path | None = None
    issuer: Issuer | None = None
    allowed_origins: tuple[str, ...] = ()
    redis_url: str | None = field(default=None, repr=False)
    voice_url: str | None = None
    voice_key: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        for name, value in (
            (names.ENV_DATABASE_URL, self.database_url),
            (names.ENV_WEBHOOK_SECRET, self.webhook_secret),
            (names.ENV_WEBHOOK_VERIFY_TOKEN, self.webhook_verify_token),
        ):
            if not value:
                raise SettingsError(f"{name} is empty or not set: the service cannot start without it")
        if self.variant not in VARIANTS:
            raise SettingsError(f"{names.ENV_VARIANT}={self.variant!r} is none of {', '.join(VARIANTS)}")
        if self.recorder not in RECORDERS:
            raise SettingsError(f"{names.ENV_RECORDER}={self.recorder!r} is none of {', '.join(RECORDERS)}")
        _within(names.ENV_PORT, self.port, 0, 65535)
        _within(names.ENV_POOL_SIZE, self.pool_size, 1, 1000)
        _within(names.ENV_HOT_BYTES, self.hot_bytes, 0, 1 << 40)
        _within(names.ENV_EVENTS_KEPT, self.events_kept, 3600, 1 << 31)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Settings":
        """The settings that ``environ`` holds; an absent optional variable means its default."""
        slo = environ.get(names.ENV_SLO)
        return cls(
            database_url=environ.get(names.ENV_DATABASE_URL, ""),
            webhook_secret=environ.get(names.ENV_WEBHOOK_SECRET, ""),
            webhook_verify_token=environ.get(names.ENV_WEBHOOK_VERIFY_TOKEN, ""),
            variant=cast("Variant", environ.get(names.ENV_VARIANT, cls.variant)),
            recorder=cast("RecorderKind", environ.get(names.ENV_RECORDER, cls.recorder)),
            host=environ.get(names.ENV_HOST, cls.host),
            port=_integer(environ, names.ENV_PORT, cls.port),
            pool_size=_integer(environ, names.ENV_POOL_SIZE, cls.pool_size),
            hot_bytes=_integer(environ, names.ENV_HOT_BYTES, cls.hot_bytes),
            events_kept=_integer(environ, names.ENV_EVENTS_KEPT, cls.events_kept),
            slo=Path(slo) if slo else None,
            issuer=Issuer.from_env(environ),
            allowed_origins=_origins(environ.get(names.ENV_ALLOWED_ORIGINS, "")),
            redis_url=environ.get(names.ENV_REDIS_URL) or None,
            voice_url=environ.get(names.ENV_VOICE_URL) or None,
            voice_key=environ.get(names.ENV_VOICE_KEY, cls.voice_key),
        )


def _origins(text: str) -> tuple[str, ...]:
    try:
        return origin.several(text)
    except ValueError as error:
        raise SettingsError(f"{names.ENV_ALLOWED_ORIGINS}={text!r}: {error}; a comma parts several") from error


def _integer(environ: Mapping[str, str], name: str, default: int) -> int:
    text = environ.get(name)
    if text is None:
        return default
    try:
        return int(text)
    except ValueError as error:
        raise SettingsError(f"{name}={text!r} is not a whole number") from error


def _within(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise SettingsError(f"{name}={value} is outside {low} to {high}")
