# SPDX-License-Identifier: MIT
"""script/size reads linker maps, and knows which growth has to be explained."""

from pathlib import Path

import pytest

from firmware_size import BEGIN, END, NOTES, Piece, Size, findings, pieces, recorded, rewrite, table

MAP = """
Discarded input sections

 .text.unused   0x00000000       0x99 core/base/ip.o

Linker script and memory map

.init           0x80000000       0x10
.text           0x80000010     0x1234
 *(.text .text.*)
 .text.short    0x80000010       0x20 core/base/ip.o
 .text._ZN9microlink4base10long_nameEv
                0x80000030      0x100 core/base/result.o
                                0x110 (size before relaxing)
 *fill*         0x80000130        0x2
 .rodata.table  0x80000132       0x40 mbedtls/oid.o
 .text.empty    0x80000172        0x0 core/base/log.o

.data           0x80400000       0x08 load address 0x80001244
 .sdata.value   0x80400000        0x8 core/tls/memory.o

.bss            0x80400008       0x30
 .bss.state     0x80400008       0x30 core/tls/memory.o

.comment        0x00000000       0x1c
 .comment       0x00000000       0x1c core/base/ip.o
"""
TOTAL = "firmware"


def test_a_map_is_read() -> None:
    found = [piece for piece in pieces(MAP) if piece.size != Size()]
    assert found == [
        Piece(".text.short", "core/base/ip.o", Size(0x20, 0)),
        Piece(".text._ZN9microlink4base10long_nameEv", "core/base/result.o", Size(0x100, 0)),
        Piece(".rodata.table", "mbedtls/oid.o", Size(0x40, 0)),
        Piece(".sdata.value", "core/tls/memory.o", Size(8, 8)),
        Piece(".bss.state", "core/tls/memory.o", Size(0, 0x30)),
    ]


@pytest.mark.parametrize(
    ("was", "now", "is_too_much"),
    [
        (1_000, 1_020, False),
        (1_000, 1_021, True),
        (100_000, 102_000, False),
        (100_000, 102_001, True),
        (100_000, 50_000, False),
        (0, 1, True),
    ],
)
@pytest.mark.parametrize("kind", ["flash", "ram"])
def test_growth_beyond_the_share_is_found(was: int, now: int, kind: str, *, is_too_much: bool) -> None:
    total = {TOTAL: Size(1, 1)}
    found = findings({"base": Size(**{kind: was}), **total}, {"base": Size(**{kind: now}), **total}, TOTAL, 10)
    assert len(found) == is_too_much
    assert all("base grew by" in line for line in found)


def test_a_new_part_is_found() -> None:
    total = {TOTAL: Size(7)}
    assert findings(total, {"new": Size(7)} | total, TOTAL, 10) == ["new is new: 7 bytes of flash"]


def test_the_budget_holds_once_it_was_met() -> None:
    assert findings({TOTAL: Size(1_000)}, {TOTAL: Size(1_010)}, TOTAL, 1_000)
    assert not findings({TOTAL: Size(1_000)}, {TOTAL: Size(1_000)}, TOTAL, 1_000)
    assert not findings({TOTAL: Size(1_020)}, {TOTAL: Size(1_010)}, TOTAL, 1_000)


def test_what_was_written_is_read_again_with_its_reasons(tmp_path: Path) -> None:
    page = tmp_path / "size.md"
    page.write_text(f"# Flash\n\n{BEGIN}\n{END}\n\n{NOTES}\n")
    sizes = {"base": Size(4_493, 17), "certificates": Size(17_924)}
    rewrite(page, table("Part", sizes, {"base": "the base"}), "first")
    rewrite(page, table("Part", sizes, {"base": "the base"}), "second")
    rewrite(page, table("Part", sizes, {}), "")
    assert recorded(page.read_text()) == sizes
    assert page.read_text().endswith(f"{NOTES}\n* second\n* first\n")
