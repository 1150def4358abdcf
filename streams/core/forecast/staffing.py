"""How many agents it takes: Erlang C, where nobody gives up, and Erlang A, where callers do.

Both suppose calls that come independently of each other at a steady rate, handling times and patience spread exponentially, one
queue, served in order. So they are right on the average of a quiet half hour, and too hopeful when calls come in waves.

Sources: A. K. Erlang, Solution of some problems in the theory of probabilities (1917); C. Palm, Methods of judging the annoyance
caused by congestion (1953); A. Mandelbaum and S. Zeltyn, Service engineering in action: the Palm/Erlang-A queue (2007), whose
figures the tests hold this against.
"""

from math import exp, fsum, inf
from typing import Final, NamedTuple

MAX_AGENTS: Final = 1000
"""More than any one queue has; `agents_for` gives up there."""
_TAIL: Final = 1e-13
"""What is left out of a sum, as a part of it."""
_FEW_EVENTS: Final = 1e-12
"""The same, of the changes of a queue while somebody waits."""


class Load(NamedTuple):
    """What comes to a queue."""

    per_hour: float
    """Calls."""
    handle_seconds: float
    """Mean time of an agent per call; more than 0."""
    patience_seconds: float = inf
    """Mean time that a caller would wait; without end for Erlang C."""

    @property
    def erlangs(self) -> float:
        """How many agents are busy at least on the average, if all are served."""
        return self.per_hour * self.handle_seconds / 3600


class Performance(NamedTuple):
    """How a queue does in the long run. All are of the calls that come."""

    service_level: float
    """The share that is answered within the target."""
    wait_probability: float
    """The share that is not answered at once."""
    abandon_probability: float
    """The share that gives up."""
    mean_wait_seconds: float
    """Whether they are answered or give up; without end where agents are too few and nobody gives up."""
    occupancy: float
    """The share of their time that agents are busy."""


def estimate_performance(load: Load, agents: int, target_seconds: float) -> Performance:
    """Return how `agents` do, at least 1, with this load."""
    if load.per_hour <= 0:
        return Performance(1.0, 0.0, 0.0, 0.0, 0.0)
    return _perform_patient(load, agents, target_seconds) if load.patience_seconds == inf else _perform_impatient(
        load, agents, target_seconds
    )  # fmt: skip


def agents_needed(load: Load, target_seconds: float, share: float) -> int | None:
    """Return the least number of agents with whom `share` of the calls are answered in time; None if `MOST_AGENTS` do not do.

    More agents never answer fewer in time, so it is found by halving.
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
    """Return Erlang C. P(W > t) = C · exp(-(N - A) · t / h), with C by the recursion of Erlang B."""
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
    """Return Erlang A, from the steady state of its birth-and-death chain.

    Who finds k waiting before him is served once k + 1 have left the queue, by an agent or by giving up: stages of rates Nμ + θ,
    Nμ + 2θ … with his own patience beside, which has the rate θ.
    """
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
    """Return the share that waits, and is answered within `target_seconds`; `found[k]` come when k wait before them.

    By uniformisation: changes happen at the highest rate there is, and those that change nothing are counted too. A caller with k
    before him sees one of these leave, is himself served (k = 0), gives up, or nothing happens.
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
    """Return the mean of `values[n]` where n is Poisson of that mean; beyond their end the last one stands."""
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
