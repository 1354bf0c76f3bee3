"""How long does it take to make a thousand of something? Beside the raw client making the same."""

from __future__ import annotations

from measure import Row, Wide, measured, raw, show


def rows() -> list[Row]:
    """Measure each system alone: once ours, once raw, in turns."""
    return [_queues(), _topics(), _services()]


def _queues() -> Row:
    wide = Wide(queues=1000)
    ours = measured(wide.command("apply", "-y"), 1)
    wide.destroy()
    both = []
    for way in ("import", "put"):
        name = Wide().tag
        both.append(raw("queues.py", way, name, runs=1))
        raw("queues.py", "clean", name, runs=1)
    faster = min(both, key=lambda cost: cost.seconds)
    return Row("apply 1,000 new queues with priority and TTL", ours, faster, ratio_budget=1.3)


def _topics() -> Row:
    wide = Wide(topics=1000)
    ours = measured(wide.command("apply", "-y"), 1)
    wide.destroy()
    name = Wide().tag
    theirs = raw("topics.py", "make", name, runs=1)
    raw("topics.py", "clean", name, runs=1)
    return Row("apply 1,000 new topics, RF 2, known to all brokers", ours, theirs, 4.0)


def _services() -> Row:
    wide = Wide(services=100)
    ours = measured(wide.command("apply", "-y"), 1)
    wide.destroy()
    name = Wide().tag
    theirs = raw("services.py", "make", name, runs=1)
    raw("services.py", "clean", name, runs=1)
    return Row("apply 100 new services, replicas 0", ours, theirs, 1.5)


if __name__ == "__main__":
    show(rows())
