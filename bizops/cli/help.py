"""Help texts: commands and options in groups, then three examples, exit codes and environment."""

from __future__ import annotations

from typing import Any

from typer.core import TyperCommand, TyperGroup

from bizops.cli.options import PANELS

GROUPS = {
    "Look": ("plan", "drift", "status", "validate"),
    "Change": ("apply", "destroy", "unlock"),
    "Adopt": ("schema", "version"),
}
"""Which command stands where: those that only look, those that change something, those to begin with."""

EXAMPLES = {
    "": (
        "bizops plan -e production",
        "bizops apply -e production --target 'kafka.*'",
        "bizops drift -o json | jq .summary",
    ),
    "plan": (
        "bizops plan",
        "bizops plan -e production --target 'rabbitmq.*' --detailed-exitcode",
        "bizops plan -o json | jq '.resource_changes[] | select(.change.actions != [\"no-op\"])'",
    ),
    "drift": (
        "bizops drift -e production",
        "bizops drift --exclude 'swarm.service/*'",
        "bizops drift -o json | jq -r '.drift[].address'",
    ),
    "status": ("bizops status", "bizops status --all", "bizops status -o json | jq .systems"),
    "validate": (
        "bizops validate",
        "bizops validate -f topology/ -e production",
        "bizops validate -f - < bizops.yaml",
    ),
    "apply": (
        "bizops apply -e production",
        "bizops apply --exclude rabbitmq.queue/auto_inventory -y",
        "bizops apply --prune --allow-data-loss rabbitmq.queue/auto_stray",
    ),
    "destroy": (
        "bizops destroy -e staging",
        "bizops destroy --target 'swarm.*'",
        "bizops destroy -y --confirm bizosaas-agents --allow-data-loss '*'",
    ),
    "unlock": (
        "bizops unlock",
        "bizops unlock -e production",
        "bizops unlock -f topology/bizosaas.yaml",
    ),
    "schema": (
        "bizops schema > bizops.schema.json",
        "bizops schema | jq '.properties | keys'",
        "echo '# yaml-language-server: $schema=bizops.schema.json' # first line of bizops.yaml",
    ),
    "version": ("bizops version", "bizops --version", "bizops version -o json"),
}
_DIFFERENCES = {
    "": "2  differences (drift, plan --detailed-exitcode)",
    "plan": "2  with --detailed-exitcode: something is to do, or does not run as it is declared",
    "drift": "2  differences, a refusal or an unmanaged object among them",
    "status": "2  something does not run as it is declared, or a cluster is not whole",
}
_EXIT_CODES = (
    "0  nothing to do, or all done",
    "1  error, usage error, refusal, failed change, lock held, stale plan",
    "3  incomplete: some system could not be read, the others are reported",
    "130, 143  ended by SIGINT, SIGTERM",
)
_ENVIRONMENT = (
    "BIZOPS_FILE                    what stands for no --file",
    "BIZOPS_TARGET, BIZOPS_TIMEOUT  and so on: every option but --auto-approve; lists by spaces",
    "NO_COLOR, FORCE_COLOR, TERM=dumb, COLUMNS",
)


class Command(TyperCommand):
    """A command whose options stand in groups."""

    def format_options(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the options under their panels, in the order of declaration."""
        panels: dict[str, list[tuple[str, str]]] = {}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                panel = getattr(param, "rich_help_panel", None) or "Help"
                panels.setdefault(panel, []).append(record)
        for panel in PANELS:
            if panel in panels:
                with formatter.section(panel):
                    formatter.write_dl(panels[panel], col_max=32)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write examples, exit codes and environment as they are."""
        del ctx
        formatter.write(_epilog(self.name or ""))


class Group(TyperGroup):
    """The whole command line: commands stand in groups."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write the commands under what they are for."""
        for title, names in GROUPS.items():
            found = [(name, self.get_command(ctx, name)) for name in names]
            rows = [(name, each.get_short_help_str(80)) for name, each in found if each]
            with formatter.section(title):
                formatter.write_dl(rows)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:  # noqa: ANN401
        """Write examples, exit codes and environment as they are."""
        del ctx
        formatter.write(_epilog(""))


def _epilog(name: str) -> str:
    codes = sorted((*_EXIT_CODES, *filter(None, [_DIFFERENCES.get(name)])), key=_by_number)
    blocks = {"Examples": EXAMPLES[name], "Exit codes": codes, "Environment": _ENVIRONMENT}
    return "".join(
        f"\n{title}:\n" + "".join(f"  {line}\n" for line in lines)
        for title, lines in blocks.items()
    )


def _by_number(line: str) -> int:
    return int(line.split(",", maxsplit=1)[0].split(maxsplit=1)[0])
