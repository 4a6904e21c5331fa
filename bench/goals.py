"""What EdgeProxy is to cost, beside what a run has measured: one row a goal."""

from __future__ import annotations

from dataclasses import dataclass

from footprint import Footprint
from loads import Sample, median
from report import OURS, Rounds, table
from switches import SwitchCost


@dataclass(frozen=True)
class Goal:
    what: str

    #: None: this run has not measured it, or the peer was not there.
    measured: float | None
    bound: float

    #: A figure of work done, such as requests per second, is to be at least the bound.
    at_least: bool = False

    @property
    def is_met(self) -> bool:
        return self.measured is not None and (self.measured >= self.bound if self.at_least else self.measured <= self.bound)

    def row(self) -> list[str]:
        return [self.what, f"{self.measured:.2f}", f"at {'least' if self.at_least else 'most'} {self.bound:g}", "yes" if self.is_met else "**no**"]


def cpu(sample: Sample) -> float:
    return sample.cpu_per_request


def rate(sample: Sample) -> float:
    return sample.rate


def of_saturation(rounds: Rounds) -> list[Goal]:
    few, many = "tiny GET, 32 connections", "tiny GET, 256 connections"
    return [
        Goal(f"{few}: CPU / Caddy's", rounds.ratio(few, "caddy", cpu), 0.40),
        Goal(f"{few}: CPU / nginx's", rounds.ratio(few, "nginx", cpu), 1.7),
        Goal(f"{many}: CPU / Caddy's", rounds.ratio(many, "caddy", cpu), 0.25),
        Goal(f"{many}: CPU / nginx's", rounds.ratio(many, "nginx", cpu), 1.1),
        Goal("1 MB upload: CPU / Caddy's", rounds.ratio("1 MB upload", "caddy", cpu), 1.0),
        Goal("TLS handshake and tiny GET: CPU / Caddy's", rounds.ratio("TLS handshake and tiny GET", "caddy", cpu), 1.0),
    ]


def of_rate(rounds: Rounds, load: str, per_second: int) -> list[Goal]:
    samples = rounds.samples[load]
    above = None
    if samples.get("nginx") and samples.get(OURS):
        above = median((ours.p99 - theirs.p99) / 1000 for ours, theirs in zip(samples[OURS], samples["nginx"]))
    return [
        Goal(f"{per_second:,} requests per second: CPU / nginx's", rounds.ratio(load, "nginx", cpu), 1.2),
        Goal(f"{per_second:,} requests per second: p99 above nginx's, ms", above, 0.2),
    ]


def of_django(rounds: Rounds, load: str) -> list[Goal]:
    return [
        Goal("Django behind gunicorn: requests per second / nginx's", rounds.ratio(load, "nginx", rate), 1.0, at_least=True),
        Goal("Django behind gunicorn: CPU / nginx's", rounds.ratio(load, "nginx", cpu), 1.0),
    ]


def of_footprint(measured: dict[str, Footprint]) -> list[Goal]:
    ours = measured.get(OURS)
    return [
        Goal("cold start, ms", ours and ours.cold_start * 1000, 60),
        Goal("idle, MB", ours and ours.idle / 1e6, 30),
    ]


def of_switches(measured: dict[str, SwitchCost]) -> list[Goal]:
    ours = measured.get(OURS)
    return [Goal("switches under load: p99.9 with / without", ours and ours.p999 / ours.steady_p999, 1.2)]


def goals(all_of_them: list[Goal]) -> str:
    return table(["goal", "measured", "bound", "met"], [goal.row() for goal in all_of_them if goal.measured is not None])
