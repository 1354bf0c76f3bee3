"""How long does it take to make a thousand of something? Beside the raw client making the same."""

from __future__ import annotations

from measure import Cost, Row, Wide, measured, raw, show


def rows() -> list[Row]:
    """Measure each system alone: once ours, then once raw."""
    return [_queues(), _topics(), _services()]


def _queues() -> Row:
    ours = _ours(Wide(queues=1000))
    faster = min((_theirs("queues.py", way) for way in ("import", "put")), key=lambda c: c.seconds)
    return Row("apply 1,000 new queues with priority and TTL", ours, faster, ratio_budget=1.3)


def _topics() -> Row:
    ours, theirs = _ours(Wide(topics=1000)), _theirs("topics.py", "make")
    return Row("apply 1,000 new topics, RF 2, known to all brokers", ours, theirs, 4.0)


def _services() -> Row:
    ours, theirs = _ours(Wide(services=100)), _theirs("services.py", "make")
    return Row("apply 100 new services, replicas 0", ours, theirs, 1.5)


def _ours(wide: Wide) -> Cost:
    try:
        return measured(wide.command("apply", "-y"), runs=1)[0]
    finally:
        wide.destroy()


def _theirs(program: str, verb: str) -> Cost:
    name = Wide().tag
    try:
        return measured(raw(program, verb, name), runs=1)[0]
    finally:
        measured(raw(program, "clean", name), runs=1)


if __name__ == "__main__":
    show(rows())
