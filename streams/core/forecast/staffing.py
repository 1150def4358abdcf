"""Number of agents needed, by Erlang C (no abandonment) and Erlang A (with abandonment).

Both models assume independent arrivals at a constant rate, exponential handling times and patience, and one queue in order of
arrival. They fit the average of a quiet half hour, and are too optimistic for arrivals in waves.

Sources: A. K. Erlang, Solution of some problems in the theory of probabilities (1917); C. Palm, Methods of judging the annoyance
caused by congestion (1953); A. Mandelbaum and S. Zeltyn, Service engineering in action: the Palm/Erlang-A queue (2007), whose
numbers the tests use.
"""

from math import exp, fsum, inf
from typing import Final, NamedTuple

MAX_AGENTS: Final = 1000
"""Number of agents up to which `agents_needed` certainly searches; it tries powers of two, so at most 1,024."""
_TAIL: Final = 1e-13
"""Relative size of the terms at which a sum is cut off."""
_FEW_EVENTS: Final = 1e-12
"""Share of waiting callers at which `_answered_within` stops."""


class Load(NamedTuple):
    """Load of a queue."""

    per_hour: float
    """Calls per hour."""
    handle_seconds: float
    """Mean handling time per call; more than 0."""
    patience_seconds: float = inf
    """Mean time that a caller would wait before abandoning; infinite for Erlang C."""

    @property
    def erlangs(self) -> float:
        """Return the load in erlangs: the mean number of busy agents if all calls are answered."""
        return self.per_hour * self.handle_seconds / 3600


class Performance(NamedTuple):
    """Steady-state performance of a queue. Shares are of all arriving calls."""

    service_level: float
    """Share answered within the target."""
    wait_probability: float
    """Share not answered immediately."""
    abandon_probability: float
    """Share abandoned."""
    mean_wait_seconds: float
    """Mean wait of all calls; infinite with too few agents and no abandonment."""
    occupancy: float
    """Share of the agents' time spent on calls."""


def estimate_performance(load: Load, agents: int, target_seconds: float) -> Performance:
    """Return the performance of `agents`, at least 1, with this load, by Erlang A, or by Erlang C for infinite patience.

    Without calls, the service level is 1 and all other values are 0.
    """
    if load.per_hour <= 0:
        return Performance(1.0, 0.0, 0.0, 0.0, 0.0)
    return _perform_patient(load, agents, target_seconds) if load.patience_seconds == inf else _perform_impatient(
        load, agents, target_seconds
    )  # fmt: skip


def agents_needed(load: Load, target_seconds: float, share: float) -> int | None:
    """Return the smallest number of agents, at least 1, that answers `share` of the calls within the target.

    Returns None if the first power of two from `MAX_AGENTS` on is not enough. The service level grows with the agents, so this
    is a binary search.
    """
    low, high = 0, 1
    while estimate_performance(load, high, target_seconds).service_level < share:
        low, high = high, 2 * high
        if low >= MAX_AGENTS:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        if estimate_performance(load, middle, target_seconds).service_level < share:
            low = middle
        else:
            high = middle
    return high


def _perform_patient(load: Load, agents: int, target_seconds: float) -> Performance:
    """Return the performance by Erlang C: P(W > t) = C · exp(-(N - A) · t / h), with C from the recursion of Erlang B."""
    offered = load.erlangs
    if offered >= agents:
        return Performance(0.0, 1.0, 0.0, inf, 1.0)
    blocked = 1.0
    for number in range(1, agents + 1):
        blocked = offered * blocked / (number + offered * blocked)
    wait_probability = agents * blocked / (agents - offered * (1 - blocked))
    spare = (agents - offered) / load.handle_seconds
    return Performance(
        1 - wait_probability * exp(-spare * target_seconds),
        wait_probability,
        0.0,
        wait_probability / spare,
        offered / agents,
    )


def _perform_impatient(load: Load, agents: int, target_seconds: float) -> Performance:
    """Return the performance by Erlang A, from the steady state of its birth-death process."""
    arrivals, serves = load.per_hour / 3600, 1 / load.handle_seconds
    gives_up = 1 / load.patience_seconds
    below = [1.0]  # unnormalised, from N agents busy downwards
    for busy in range(agents, 0, -1):
        below.append(below[-1] * busy * serves / arrivals)
        if below[-1] < _TAIL * below[0]:
            break
    above = [1.0]
    while above[-1] > _TAIL * max(above):
        above.append(above[-1] * arrivals / (agents * serves + len(above) * gives_up))
    total = fsum(below) + fsum(above[1:])
    queue = fsum(number * weight for number, weight in enumerate(above)) / total
    wait_probability = fsum(above) / total
    abandon_probability = gives_up * queue / arrivals
    answered_late = _answered_within(agents * serves, gives_up, [weight / total for weight in above], target_seconds)
    return Performance(
        service_level=min(1.0, (1 - wait_probability) + answered_late),
        wait_probability=wait_probability,
        abandon_probability=abandon_probability,
        mean_wait_seconds=queue / arrivals,
        occupancy=arrivals * (1 - abandon_probability) / (agents * serves),
    )


def _answered_within(serves: float, gives_up: float, found: list[float], target_seconds: float) -> float:
    """Return the share of calls that wait and are answered within `target_seconds`.

    `serves` is the service rate of all agents, `gives_up` a caller's rate of abandonment, and `found[k]` the share of calls that
    find k waiting callers. The method is uniformisation: all states get the highest rate, with steps that change nothing. In one
    step, one of the k callers ahead leaves, the caller is answered (if k = 0) or abandons, or nothing happens.
    """
    if target_seconds <= 0:
        return 0.0
    pace = serves + len(found) * gives_up
    waiting, answered, shares = list(found), 0.0, []
    mean = pace * target_seconds
    steps = int(mean + 12 * mean**0.5 + 30)
    for _ in range(steps):
        shares.append(answered)
        answered += waiting[0] * serves / pace
        later = [0.0] * len(waiting)
        for before, share in enumerate(waiting):
            leaves = serves + before * gives_up if before else 0.0
            if before:
                later[before - 1] += share * leaves / pace
            later[before] += share * (1 - (leaves + gives_up + (0 if before else serves)) / pace)
        waiting = later
        if fsum(waiting) < _FEW_EVENTS:
            break
    shares.append(answered)
    return _poisson_mean(shares, mean)


def _poisson_mean(values: list[float], mean: float) -> float:
    """Return the expectation of `values[n]` for n with a Poisson distribution. Beyond the end, the last value counts."""
    middle = int(mean)
    weights = {middle: 1.0}
    for number in range(middle, 0, -1):
        weights[number - 1] = weights[number] * number / mean
        if weights[number - 1] < _TAIL:
            break
    number = middle
    while weights[number] > _TAIL:
        weights[number + 1] = weights[number] * mean / (number + 1)
        number += 1
    total = fsum(weights.values())
    return fsum(weight * values[min(number, len(values) - 1)] for number, weight in weights.items()) / total
