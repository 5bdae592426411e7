"""How figures are written wherever a run is shown."""

from __future__ import annotations


def clock(seconds: float) -> str:
    """``1:02:03``, or ``2:03`` under an hour."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def percent(share: float | None) -> str:
    """``93.0%`` of 0.93; ``-`` where nothing was measured."""
    return "-" if share is None else f"{share:.1%}"


def decimal(value: float | None) -> str:
    """``3.6`` of 3.58; ``-`` where nothing was measured."""
    return "-" if value is None else f"{value:.1f}"


def short(value: float) -> str:
    """A round number in few characters: ``15k``, ``2.5M``, ``0.002``, ``5e-5``."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size:
            return f"{value / size:.4g}{letter}"
    if value == 0 or abs(value) >= 1e-3:
        return f"{value:.4g}"
    mantissa, _, exponent = f"{value:.3e}".partition("e")
    return f"{float(mantissa):g}e{int(exponent)}"
