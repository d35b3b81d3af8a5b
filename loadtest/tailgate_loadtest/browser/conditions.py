"""What a visitor has in hand: a device, a network and a processor, as Chromium's developer tools emulate them.

Networks are those of the DevTools' presets, by their own factors (Chromium, ``front_end/core/sdk/NetworkManager.ts``):
each request waits for a delay before its answer begins, and all share a throughput. Connections are not delayed by
themselves: that is what the factors on the round trip make up for. ``4g`` is the DevTools' *Slow 4G*, which Lighthouse
throttles by as well.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

DeviceName = Literal["desktop", "phone"]
NetworkName = Literal["none", "fast-4g", "4g", "3g"]

DEVICE_NAMES: tuple[DeviceName, ...] = get_args(DeviceName)
NETWORK_NAMES: tuple[NetworkName, ...] = get_args(NetworkName)


@dataclass(frozen=True, kw_only=True)
class Device:
    """A screen, in CSS pixels and device pixels per CSS pixel, and whether it is touched."""

    width: int
    height: int
    scale: float
    touch: bool


@dataclass(frozen=True, kw_only=True)
class Network:
    """``latency`` in seconds from a request to its answer's first byte; throughputs in bytes per second."""

    latency: float
    download: float
    upload: float


DEVICES: Mapping[DeviceName, Device] = MappingProxyType(
    {
        "desktop": Device(width=1280, height=800, scale=1.0, touch=False),
        "phone": Device(width=390, height=844, scale=3.0, touch=True),
    }
)

NETWORKS: Mapping[NetworkName, Network | None] = MappingProxyType(
    {
        "none": None,
        "fast-4g": Network(latency=0.060 * 2.75, download=9e6 / 8 * 0.9, upload=1.5e6 / 8 * 0.9),
        "4g": Network(latency=0.150 * 3.75, download=1.6e6 / 8 * 0.9, upload=0.75e6 / 8 * 0.9),
        "3g": Network(latency=0.400 * 5, download=0.5e6 / 8 * 0.8, upload=0.5e6 / 8 * 0.8),
    }
)
"""``none``: as the machine's own network is."""
