"""Access logs made by a known process."""

import random
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

START = 1_760_000_400
SECRETS = ("s3cret", "198.51.100.7", "ann.lee", "Mozilla", "tok-9f8e7d6c5b4a")


def line(at: float, request: str, status: int = 200) -> str:
    """In Combined Log Format, full of what is nobody's business."""
    when = f"{datetime.fromtimestamp(at, UTC):%d/%b/%Y:%H:%M:%S +0000}"
    return f'198.51.100.7 - ann.lee [{when}] "{request} HTTP/1.1" {status} 512 "-" "Mozilla/5.0"\n'


def shop(counts: Iterable[float], seed: int = 7) -> Iterator[str]:
    """So many requests in each second, of a shop's mix: 50, 25, 20 and 5 %."""
    pick = random.Random(seed)
    for second, count in enumerate(counts):
        for _ in range(int(count)):
            request = pick.choices(
                [
                    "GET /orders",
                    f"GET /orders/{pick.randrange(10**6)}",
                    f"GET /search?q=s3cret&token=tok-9f8e7d6c5b4a-{pick.randrange(9)}",
                    "POST /orders",
                ],
                [50, 25, 20, 5],
            )[0]
            yield line(START + second, request)
