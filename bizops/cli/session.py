"""From options to a topology and its systems: what every command but `version` and `schema` begins with."""

from __future__ import annotations

import contextlib
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bizops import errors, render, topology
from bizops.cli.failure import debugged
from bizops.cli.options import Adopt, AdoptOptions, DataLossOptions, FileOptions, Online, Prune
from bizops.cli.signals import exit_at_once
from bizops.cli.workflow import PlanOptions, Workflow
from bizops.guard import Consents
from bizops.planner import Targeting
from bizops.provider import Options

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bizops.change import Plan
    from bizops.cli.console import Console
    from bizops.cli.options import Compare
    from bizops.cli.workflow import GuardedPlan
    from bizops.topology import Topology


@dataclass(frozen=True)
class Session:
    """One loaded topology, and the steps over its systems. `words` is the command line up to the targets."""

    topology: Topology
    workflow: Workflow
    words: str
    console: Console

    @property
    def title(self) -> str:
        """Name the topology and its environment."""
        environment = self.topology.environment
        return f"{self.topology.name} on {environment}" if environment else self.topology.name

    def plan(self, asked: PlanOptions) -> GuardedPlan:
        """Read and plan, and let the console know what live objects are called and which of their values are secret."""
        with self.console.waiting(self.reading):
            planned = self.workflow.plan(asked)
        secrets = render.live_secrets(planned.plan, self.console.redacted)
        named = render.secrets_in_live_names(planned.plan, self.console.redacted)
        named |= self.topology.nameless_secrets()
        self.console.know(secrets | named, _live_names(planned.plan), named)
        return planned

    def shown(self, planned: GuardedPlan) -> Plan:
        """Give the plan for people and programs, without what must not be shown; with --debug tell of defects."""
        for reading in planned.readings.values():
            if reading.error is not None and reading.error.__cause__ is not None:
                debugged(reading.error, self.console)
        return render.veiled(planned.plan, self.console.redacted)

    @property
    def reading(self) -> str:
        """Say what is being read."""
        return f"reading {', '.join(self.topology.scopes)}"

    def heading(self, planned: GuardedPlan) -> render.Heading:
        """Give what stands above a plan."""
        readings = tuple(
            render.Reading(name, reading.objects, reading.seconds)
            for name, reading in planned.readings.items()
        )
        found = self.topology
        return render.Heading(
            found.name, found.environment, found.files, readings, _origins(planned, found)
        )


def loaded(given: FileOptions, console: Console) -> Topology:
    """Load the topology, print its warnings, and let the console know its secrets; raises TopologyError."""
    found = topology.load(
        given.file,
        environment=given.environment or None,
        env_file=given.env_file or None,
        variables=os.environ,
        directory=_working_directory(),
    )
    console.know(found.secrets, found.names, found.named)
    for warning in found.warnings:
        console.warning(warning)
    return found


def _working_directory() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError:
        message = "the working directory does not exist any more"
        raise errors.UsageError(message, remedy="cd to one that does") from None


@contextlib.contextmanager
def session(command: str, given: Online, console: Console) -> Iterator[Session]:
    """Give a session and close its connections afterwards; a signal meanwhile ends the process."""
    found = loaded(given, console)
    workflow = Workflow(found, Options(timeout=given.timeout, parallelism=given.parallelism))
    with exit_at_once():
        try:
            yield Session(found, workflow, _words(command, given), console)
        finally:
            workflow.close()


def question(given: Compare, *, destroy: bool = False) -> PlanOptions:
    """Turn options into what is asked of a plan."""
    take = given if isinstance(given, AdoptOptions) else AdoptOptions()
    loss = given if isinstance(given, DataLossOptions) else DataLossOptions()
    choice = Targeting(
        targets=tuple(given.target),
        excludes=tuple(given.exclude),
        adopt=tuple(given.adopt) if isinstance(given, Adopt) else (),
        restart=tuple(take.restart),
        prune=isinstance(given, Prune) and given.prune,
        destroy=destroy,
    )
    limits = Consents(
        allow_data_loss=tuple(loss.allow_data_loss),
        max_deletes=take.max_deletes,
        is_destroy=destroy,
    )
    return PlanOptions(choice, limits, tuple(take.refresh_images))


def _live_names(plan: Plan) -> set[str]:
    addresses = {change.address for change in plan.changes}
    addresses |= {observed.address for observed in (*plan.unmanaged, *plan.unreadable)}
    names = {text for system in plan.systems for text in (system.address, system.identity)}
    for address in addresses:
        names |= {str(address), address.name, *address.parts}
    return names - {""}


def _words(command: str, given: FileOptions) -> str:
    files = "".join(f" -f {shlex.quote(file)}" for file in given.file)
    environment = f" -e {shlex.quote(given.environment)}" if given.environment else ""
    return f"bizops {command}{files}{environment}"


def _origins(planned: GuardedPlan, found: Topology) -> tuple[tuple[str, str], ...]:
    """Give where connection settings were set; a system that names none gets its first one."""
    origins: Mapping[str, str] = found.origins
    pairs = list(origins.items())
    for system in planned.plan.systems:
        mine = [text for name, text in pairs if name.startswith(f"connections.{system.provider}.")]
        if mine and system.setting not in origins:
            pairs.append((system.setting or f"connections.{system.provider}", mine[0]))
    return tuple(pairs)
