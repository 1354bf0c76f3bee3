"""The commands that change nothing: validate, plan, drift, status, schema."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bizops import render
from bizops.cli.session import Session, loaded, question, session

if TYPE_CHECKING:
    from bizops.change import Plan
    from bizops.cli import options
    from bizops.cli.console import Console


def validate(given: options.Offline, console: Console) -> int:
    """Load the files and say that they are valid; raises TopologyError with every fault."""
    found = loaded(given, console)
    if console.is_json:
        console.document({"format_version": "1.0", "valid": True, "errored": False})
        return 0
    kinds = render.count_text(len(found.resources), "resources")
    files = ", ".join(found.files)
    console.result(f"{files}: valid, {kinds} in {render.count_text(len(found.scopes), 'systems')}")
    return 0


def plan(given: options.Plan, console: Console) -> int:
    """Print what apply would do."""
    with session("plan", given, console) as opened:
        planned = opened.plan(question(given))
        heading = opened.heading(planned)
        if console.is_json:
            console.document(render.plan_json(opened.shown(planned), heading=heading))
        elif given.quiet:
            console.result(render.summary_line(planned.plan))
        else:
            style = console.style()
            text = render.plan_text(
                opened.shown(planned), style, heading=heading, verbose=given.verbose
            )
            console.result(text)
        tell_unread(planned.plan, opened, heading, console)
        return render.plan_verdict(planned.plan, detailed=given.detailed_exitcode)


def drift(given: options.Compare, console: Console) -> int:
    """Print how the live systems differ from the files."""
    with session("drift", given, console) as opened:
        planned = opened.plan(question(given))
        heading = opened.heading(planned)
        if console.is_json:
            console.document(render.drift_json(opened.shown(planned), heading=heading))
        else:
            text = render.drift_text(opened.shown(planned), console.style(), heading=heading)
            console.result(text.splitlines()[-1] if given.quiet else text)
        tell_unread(planned.plan, opened, heading, console)
        return render.drift_verdict(planned.plan)


def status(given: options.Status, console: Console) -> int:
    """Print the health of what is declared; 3 where a system could not be read, 2 where something is not well."""
    with session("status", given, console) as opened:
        with console.waiting(opened.reading):
            found = opened.workflow.status()
        resources = opened.topology.resources
        console.know(render.secrets_of_healths(found, resources, console.redacted), ())
        healths = render.veiled_health(found, resources)
        if console.is_json:
            console.document(render.health_json(healths))
        else:
            console.result(render.health_text(healths, console.style(), all_rows=given.all))
        return render.health_verdict(healths)


def schema(given: options.Output, console: Console) -> int:
    """Print the JSON Schema of the topology file."""
    import json  # noqa: PLC0415 - here alone

    from bizops import topology  # noqa: PLC0415 - here alone

    del given
    console.plain(json.dumps(topology.schema(), indent=2))
    return 0


def tell_unread(plan: Plan, opened: Session, heading: render.Heading, console: Console) -> None:
    """Say on stderr which systems could not be read, and what to try."""
    style = console.style_of_errors()
    console.error_lines(render.unread_text(plan, style, heading=heading, command=opened.words))
