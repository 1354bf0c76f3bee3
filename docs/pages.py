"""The documents as data: their fenced blocks, tables and links, for the tests that keep them true.

A comment on the line before a block says what it is; readers of the rendered page do not see it.

| mark | before | meaning |
|---|---|---|
| `<!-- topology: NAME -->` | yaml | a whole topology: loaded, and planned against the real servers |
| `<!-- part -->` | yaml | entries of a topology: laid into a minimal one, then as above |
| `<!-- example -->` | yaml | the same for systems that exist nowhere: only loaded |
| `<!-- ci -->` | yaml | a pipeline of another system: parsed, its bizops commands checked |
| `<!-- file: PATH -->` | any | the content of a file |
| `<!-- run: NAME -->` | console | a session: `$ ` lines are run, in order, what they print is compared |
| `<!-- from: PAGE -->` | console | a copy of the session on that page that begins with the same line |
| `<!-- step: NAME -->` | sh | commands: a test runs them, in the order that it needs |
| `<!-- client -->` | python | publishes a task: run against the real servers |
| `<!-- rules: KIND -->` | table | how fields change: each row is put to the kind's rule |
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
_MARK = re.compile(r"<!-- ([a-z]+)(?:: (.+?))? -->\s*")
_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"#+ (.+)")


class Block(NamedTuple):
    """A fenced block. `place` is `PAGE:LINE`; `mark` and `argument` are empty where there is no comment before it."""

    place: str
    language: str
    mark: str
    argument: str
    text: str


def pages() -> tuple[Path, ...]:
    """Give every document, sorted."""
    rooms_beside = ("stack/README.md", "benchmarks/README.md")
    named = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", *rooms_beside)
    found = [ROOT / name for name in named if (ROOT / name).exists()]
    rooms = sorted((ROOT / "bizops").rglob("README.md"))
    return (*found, *sorted((ROOT / "docs").rglob("*.md")), *rooms)


def blocks(page: Path) -> Iterator[Block]:
    """Give the fenced blocks of a page."""
    fence: list[str] | None = None
    mark = argument = language = ""
    start = 0
    for number, line in enumerate(page.read_text().splitlines(), 1):
        if fence is not None:
            if line.startswith("```"):
                place = f"{page.relative_to(ROOT)}:{start}"
                yield Block(place, language, mark, argument, "\n".join(fence) + "\n")
                fence, mark, argument = None, "", ""
            else:
                fence.append(line)
        elif line.startswith("```"):
            fence, start, language = [], number, line[3:].strip()
        elif found := _MARK.fullmatch(line):
            mark, argument = found[1], found[2] or ""
        elif line.strip():
            mark = argument = ""


def all_blocks() -> tuple[Block, ...]:
    """Give the blocks of all pages."""
    return tuple(block for page in pages() for block in blocks(page))


def tables(page: Path, mark: str) -> Iterator[tuple[str, str, list[dict[str, str]]]]:
    """Give `PAGE:LINE`, the argument and the rows by column name of each table with that mark."""
    lines = page.read_text().splitlines()
    for number, line in enumerate(lines):
        found = _MARK.fullmatch(line)
        if not found or found[1] != mark:
            continue
        rows = []
        for row in lines[number + 1 :]:
            if not row.startswith("|"):
                break
            rows.append([cell.strip() for cell in row.strip("|").split("|")])
        header, _, *body = rows
        place = f"{page.relative_to(ROOT)}:{number + 1}"
        yield place, found[2] or "", [dict(zip(header, row, strict=True)) for row in body]


def links(page: Path) -> Iterator[str]:
    """Give the targets of all links of a page, code aside."""
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.DOTALL | re.MULTILINE)
    yield from _LINK.findall(re.sub(r"`[^`\n]*`", "", text))


def anchors(page: Path) -> frozenset[str]:
    """Give the fragments that the headings of a page answer to, as GitHub makes them."""
    found = (_HEADING.fullmatch(line) for line in page.read_text().splitlines())
    titles = (match[1].lower() for match in found if match)
    return frozenset(re.sub(r"[^\w\- ]", "", title).strip().replace(" ", "-") for title in titles)
