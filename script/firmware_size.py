# SPDX-License-Identifier: MIT
"""What a linker's map says about sizes, and how it compares with the figures of docs/size.md. Used by script/size."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

BEGIN = "<!-- script/size: begin -->"
END = "<!-- script/size: end -->"
NOTES = "## What grew, and why\n"

# Growth that needs a note: more than this share.
GROWTH = 0.02

OUTPUT_SECTION = re.compile(r"^(\.[\w.]+|/DISCARD/)(\s|$)")
# " .text.name   0xaddress   0xsize object"; a long name has the rest on the next line.
INPUT_SECTION = re.compile(r"^ (\S+)?\s+0x([0-9a-f]+)\s+0x([0-9a-f]+) (\S.*)$")
LONG_NAME = re.compile(r"^ (\.\S+)$")
ROW = re.compile(r"^\| `([\w ]+)` \| ([\d,]+) \| ([\d,]+) \|")

# Where picolibc's linker script puts things. Initialised data lies in flash, and is copied to RAM.
IN_FLASH = {".init", ".text", ".data", ".tdata", ".init_array", ".fini_array", ".preserve", ".rodata", ".sdata"}
IN_RAM = {".data", ".tdata", ".bss", ".tbss", ".sdata", ".sbss"}


@dataclass(frozen=True)
class Size:
    """Bytes of a part: code, constants and initial values in flash; variables in RAM."""

    flash: int = 0
    ram: int = 0

    def __add__(self, other: Size) -> Size:
        """Sum of two parts."""
        return Size(self.flash + other.flash, self.ram + other.ram)


@dataclass(frozen=True)
class Piece:
    """One section of one object file that was linked."""

    section: str
    source: str
    size: Size


def pieces(linker_map: str) -> Iterator[Piece]:
    """Give everything that was linked; what the linker threw away is not in this part of the map."""
    _, _, text = linker_map.partition("Linker script and memory map")
    output = name = ""
    for line in text.splitlines():
        if match := OUTPUT_SECTION.match(line):
            output = match[1]
        elif match := LONG_NAME.match(line):
            name = match[1]
        elif match := INPUT_SECTION.match(line):
            name = match[1] or name
            size = int(match[3], 16)
            if size and name.startswith("."):
                yield Piece(name, match[4], Size(size * (output in IN_FLASH), size * (output in IN_RAM)))
            name = ""


def recorded(page: str) -> dict[str, Size]:
    """Read the figures in the tables of docs/size.md."""
    table = page.partition(BEGIN)[2].partition(END)[0]
    rows = (ROW.match(line) for line in table.splitlines())
    return {row[1]: Size(int(row[2].replace(",", "")), int(row[3].replace(",", ""))) for row in rows if row}


def too_much(was: int, now: int) -> bool:
    """Whether a growth is one that has to be explained."""
    return now - was > was * GROWTH


def findings(was: dict[str, Size], now: dict[str, Size], total: str, budget: int) -> list[str]:
    """Say what is larger than the record allows, in a line each; nothing when all is well.

    A total that is recorded above the budget may stay there, but not grow; once below, it has to stay below.
    """
    found = []
    for name, size in now.items():
        if name not in was:
            found.append(f"{name} is new: {size.flash:,} bytes of flash")
            continue
        for kind, before, after in (("flash", was[name].flash, size.flash), ("RAM", was[name].ram, size.ram)):
            if too_much(before, after):
                share = f", {(after - before) / before:+.1%}" if before else ""
                found.append(f"{name} grew by {after - before:,} bytes of {kind}{share}: {before:,} to {after:,}")
    if now[total].flash > budget >= was.get(total, Size()).flash:
        found.append(f"{now[total].flash:,} bytes of flash are above the budget of {budget:,}")
    return found


def table(title: str, parts: dict[str, Size], about: dict[str, str]) -> str:
    """Write a table of docs/size.md."""
    rows = "".join(
        f"| `{name}` | {size.flash:,} | {size.ram:,} | {about.get(name, '')} |\n" for name, size in parts.items()
    )
    return f"| {title} | Flash | RAM | |\n|---|--:|--:|---|\n{rows}"


def rewrite(page: Path, tables: str, note: str) -> None:
    """Put new tables into docs/size.md, and a line that says why."""
    text = page.read_text()
    head, rest = text.split(BEGIN)
    text = f"{head}{BEGIN}\n\n{tables}\n{END}{rest.split(END)[1]}"
    if note:
        text = text.replace(NOTES, f"{NOTES}\n* {note}", 1).replace("\n\n\n*", "\n\n*")
        text = re.sub(rf"({re.escape(NOTES)}\n\* [^\n]*\n)\n(\*)", r"\1\2", text)
    page.write_text(text)
