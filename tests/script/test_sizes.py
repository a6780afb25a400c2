# SPDX-License-Identifier: MIT
"""script/sizes sees functions where they are."""

import importlib.machinery
import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def sizes() -> ModuleType:
    """The command as a module."""
    loader = importlib.machinery.SourceFileLoader("sizes", str(ROOT / "script/sizes"))
    spec = importlib.util.spec_from_loader("sizes", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def body(lines: int) -> str:
    return "  step();\n" * lines


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        (f"void f(int a) {{\n{body(3)}}}\n", [("f", 1, 5)]),
        (f"namespace a {{\n\nint A::f(int a,\n      int b) const {{\n{body(2)}}}\n}}\n", [("A::f", 3, 5)]),
        (f"class A {{\n public:\n  int f() {{\n{body(2)}  }}\n  int x;\n}};\n", [("f", 3, 4)]),
        ("int f() {\n  if (a) {\n    b({1, 2});\n  }\n}\n", [("f", 1, 5)]),
        ('int f() {\n  // }\n  const char *x = "}";\n}\n', [("f", 1, 4)]),
        ("constexpr int A[] = {\n1,\n2,\n};\nint f();\n", []),
        ("enum class A {\n  X,\n};\nstruct B {\n  int x;\n};\n", []),
        ("#if defined(A)\nint x;\n#endif\n", []),
    ],
)
def test_cpp_functions(sizes: ModuleType, source: str, expected: list[tuple[str, int, int]]) -> None:
    assert list(sizes.cpp_functions(source)) == expected


def test_python_functions(sizes: ModuleType) -> None:
    source = "class A:\n    def f(self):\n        a = 1\n        return a\n\n\nasync def g():\n    pass\n"
    assert sorted(sizes.python_functions(source)) == [("f", 2, 3), ("g", 7, 2)]
