"""A request's place in its caller's trace, read from headers by the propagators that OTEL_PROPAGATORS names."""

import re
from collections.abc import Callable, Iterable, Mapping
from random import Random

from opentelemetry.context import Context, get_current
from opentelemetry.propagate import get_global_textmap
from opentelemetry.propagators.textmap import Getter
from opentelemetry.trace import get_current_span

from tailgate_otel import names
from tailgate_otel.guard import Guard
from tailgate_otel.request_span import RequestSpan, entered

Headers = Iterable[tuple[bytes, bytes]]

# https://www.w3.org/TR/trace-context/#tracestate-header and https://www.w3.org/TR/baggage/#header-content. The stock
# propagators log every malformed member and take quadratic time over blanks, and anybody may send either: they are
# given well-formed members only. Nothing here goes back to what it has read.
_STATE = re.compile(
    r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
    r"=[ -+\--<>-~]{0,255}[!-+\--<>-~]"
)
_NAME = r"[ \t]*+[!#-'*+.0-9A-Z^-z|~-]++[ \t]*+"
_CONTENT = r"[ \t]*+[!#-+\--:<-\[\]-~]*+[ \t]*+"
_BAGGAGE = re.compile(rf"{_NAME}={_CONTENT}(?:;{_NAME}(?:={_CONTENT})?)*+")
_BLANKS = str.maketrans("", "", " \t")
_MAX_HEADER = 8192
_MAX_STATES = 32
_MAX_BAGGAGE = 180
_MAX_MEMBER = 4096


class Entrance:
    """Where requests come in: each gets its span, below its caller's if it names one.

    Attributes:
        fields: the names of the headers worth reading; a request with none of them has no caller's trace.

    """

    def __init__(self, sampled: Callable[[int], bool], random: Random, guard: Guard) -> None:
        self._propagator = get_global_textmap()
        # What a propagator writes is not all that it reads: one of B3's two forms reads the other as well.
        asked = _Asked()
        with guard:
            self._propagator.extract({}, Context(), asked)
        fields = {*self._propagator.fields, *asked.names}
        self.fields = frozenset(field.lower().encode("latin-1") for field in fields)
        self._sampled = sampled
        self._random = random
        self._guard = guard

    def enter(self, headers: Headers) -> tuple[RequestSpan, Context]:
        """The span of a request, and the context in which it is current.

        Args:
            headers: all headers of the request, names in lower case.

        """
        span_id = self._random.getrandbits(64) or 1  # 0 is no valid id
        context = get_current()
        with self._guard:
            context = self._propagator.extract(_texts(headers), context, _GETTER)
        parent = get_current_span(context).get_span_context()
        if parent.is_valid and parent.is_remote:
            request = RequestSpan(parent.trace_id, span_id, self._sampled(parent.trace_id), parent)
            return request, entered(request, context)
        trace_id = self._random.getrandbits(128) or 1
        request = RequestSpan(trace_id, span_id, self._sampled(trace_id))
        return request, entered(request, context)


class _Texts(Getter[Mapping[str, list[str]]]):
    """Headers as propagators read them, whatever case they spell the names in."""

    def get(self, carrier: Mapping[str, list[str]], key: str) -> list[str] | None:
        return carrier.get(key.lower())

    def keys(self, carrier: Mapping[str, list[str]]) -> list[str]:
        return list(carrier)


_GETTER = _Texts()


class _Asked(_Texts):
    """Remembers which headers a propagator looks for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def get(self, carrier: Mapping[str, list[str]], key: str) -> list[str] | None:
        self.names.add(key)
        return super().get(carrier, key)


def _texts(headers: Headers) -> dict[str, list[str]]:
    texts: dict[str, list[str]] = {}
    for name, content in headers:
        texts.setdefault(name.decode("latin-1"), []).append(content.decode("latin-1"))
    for listed, well_formed in ((names.HEADER_TRACESTATE, _states), (names.HEADER_BAGGAGE, _baggage)):
        if listed in texts:
            texts[listed] = [",".join(well_formed(",".join(texts[listed])[: _MAX_HEADER + 1]))]
    return texts


def _states(text: str) -> list[str]:
    """The members of a tracestate; none of them if one is malformed, as the standard has it."""
    members = [member for member in (one.strip(" \t") for one in text.split(",")) if member]
    fit = len(text) <= _MAX_HEADER and len(members) <= _MAX_STATES and all(map(_STATE.fullmatch, members))
    return members if fit else []


def _baggage(text: str) -> list[str]:
    """The members of a baggage that are well formed, without the blanks that may stand around their signs."""
    members = [one for one in text.split(",") if len(one) <= _MAX_MEMBER and _BAGGAGE.fullmatch(one)]
    return [member.translate(_BLANKS) for member in members[:_MAX_BAGGAGE]] if len(text) <= _MAX_HEADER else []
