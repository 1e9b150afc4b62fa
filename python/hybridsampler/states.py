"""What differs between a saved state and the present."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """Name every entry that differs, with both values, on one line; empty when none does."""
    return "; ".join(
        f"{name}: saved {saved.get(name)!r}, now {now.get(name)!r}"
        for name in sorted({*saved, *now})
        if saved.get(name) != now.get(name)
    )
