"""A forecast in words."""

from __future__ import annotations

from harness.runs.forecasting import Bounds, Forecast, Placement
from harness.runs.shown import Shown


def print_forecast(forecast: Forecast) -> None:
    """What a run will take, a line for each thing."""
    stored = f", of which {forecast.stored:,} are stored already" if forecast.stored else ""
    rows = [
        ("task", forecast.title),
        ("samples", f"{forecast.samples:,}, {forecast.generations:,} generations{stored}"),
        ("requests", f"{forecast.requests:,}"),
        ("prompt tokens", f"{_between(forecast.prompt_tokens)}{_how(forecast)}"),
        ("generated tokens", _between(forecast.generated_tokens)),
        ("memory", _memory(forecast)),
        *([("places", _places(forecast.placement))] if forecast.placement else []),
        ("time", _time(forecast)),
    ]
    if forecast.cost is not None:
        rows.append(
            ("cost", f"{forecast.cost[0]:.2f} to {forecast.cost[1]:.2f}, by backend.prices")
        )
    rows += [("could show", _shown(shown)) for shown in forecast.shown]
    for name, text in rows:
        print(f"{name:<17} {text}")


def _shown(shown: Shown) -> str:
    """Which difference an estimate could show in a comparison of two such runs, in words."""
    over = f"{shown.samples:,} samples in {shown.clusters:,} clusters"
    over += f" and {shown.strata} strata" if shown.strata > 1 else ""
    if shown.difference is None:
        return (
            f"{shown.name}: a contrast, which has no worst of its scale to go by; "
            f"forecast_like=RUN says; {over}"
        )
    enough = "can" if shown.difference <= shown.margin else "cannot surely"
    how = "spread of forecast_like" if shown.like else "worst of its scale (else forecast_like=RUN)"
    return (
        f"{shown.name}: worse by {shown.difference:.3f} or more, so that its margin of "
        f"{shown.margin:g} {enough} be ruled out; {over}, by the {how}"
    )


def _how(forecast: Forecast) -> str:
    return (
        "" if forecast.counted else " (bounds by the texts' length; this backend has no tokenizer)"
    )


def _between(bounds: Bounds) -> str:
    low, high = (f"{end:,.0f}" for end in bounds)
    return low if low == high else f"{low} to {high}"


def _memory(forecast: Forecast) -> str:
    if forecast.weights is None and forecast.token_bytes is None:
        return "not known of this backend"
    weights = "size not known" if forecast.weights is None else f"{forecast.weights / 1e9:.2f} GB"
    if forecast.token_bytes is None:
        return f"weights {weights}; the cache is not known"
    alone = forecast.token_bytes * forecast.longest[1]
    every = forecast.token_bytes * (forecast.prompt_tokens[1] + forecast.generated_tokens[1])
    return (
        f"weights {weights}; keys and values {forecast.token_bytes / 1e3:.0f} kB a token: "
        f"{alone / 1e9:.2f} GB for the longest request, up to {every / 1e9:.2f} GB for all at once "
        "where that is free"
    )


def _places(placement: Placement) -> str:
    """Where weights will lie, and what it costs that they are not all where they are needed."""
    sizes, carried, forwards = placement
    lie = ", ".join(f"{place} {size / 1e9:.2f} GB" for place, size in sizes.items())
    if not carried:
        return lie
    return (
        f"{lie}; {carried / 1e9:.2f} GB are carried to what computes at each of about "
        f"{forwards:,} forwards: {carried * forwards / 1e9:,.0f} GB in all"
    )


def _time(forecast: Forecast) -> str:
    if forecast.generations == forecast.stored:
        return "nothing is left to generate"
    if forecast.seconds is None:
        return "no run of this model on this machine to go by"
    middle, least, most = map(_clock, forecast.seconds)
    basis = (
        "this task and these settings"
        if forecast.alike
        else "this model with other work, by tokens"
    )
    runs = "session" if forecast.sessions == 1 else "sessions"
    by = f"by {forecast.sessions} {runs} of {basis} ({forecast.gone_by:,} generations)"
    return (
        f"about {middle} ({least} to {most}), {by}"
        if forecast.alike
        else f"at most about {most}, {by}"
    )


def _clock(seconds: float) -> str:
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    return f"{hours}:{minutes:02}:{whole % 60:02}" if hours else f"{minutes}:{whole % 60:02}"
