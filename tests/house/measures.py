"""The measures of the house: ``python -m tests.house.measures [ROOT]`` prints them for the tree below `ROOT`.

They are read from the source text alone, so that a tree that cannot be imported can be measured too.
"""

from __future__ import annotations

import ast
import re
import statistics
import sys
from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

PACKAGE = "bboxprep"
LENGTHS = range(60, 351)  # lines of a module that is read in one go
ALIAS = re.compile(r"^(\w+) = NDArray\[.*?\](?: +# *(.*))?$", re.MULTILINE)  # Pixels = NDArray[np.uint8]  # (H, W)
SHAPE = re.compile(r"\((?:[A-Z]\w*|\d+|\.\.\.)(?: [+*] \d+)?,[^()]*\)|\bshape\b")  # (N, 4), (K,), (..., 2)
DTYPE = re.compile(r"\b(?:float|int|uint)(?:8|16|32|64)\b|\bbool|\bdtype\b")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Module:
    """One source file: its dotted `name`, its `text`, and whether it is the ``__init__.py`` of a folder."""

    name: str
    text: str
    is_folder: bool

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def length(self) -> int:
        return len(self.text.splitlines())

    @cached_property
    def import_lines(self) -> int:
        """Lines of import statements, also of those within functions."""
        statements = [node for node in ast.walk(self.tree) if isinstance(node, ast.Import | ast.ImportFrom)]
        return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in statements)

    @cached_property
    def functions(self) -> list[Function]:
        """Every function and method, also those within others."""
        return [node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]

    @cached_property
    def public_classes(self) -> list[str]:
        return [n.name for n in self.tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]

    @cached_property
    def public_functions(self) -> list[Function]:
        """Functions of the module and methods of its public classes whose names say that others may call them."""
        bodies = [self.tree.body]
        bodies += [n.body for n in self.tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_")]
        found = [n for body in bodies for n in body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        return [n for n in found if not n.name.startswith("_")]

    def imported(self, names: set[str]) -> set[str]:
        """Those of the modules `names` that this one imports, anywhere in its text and also for types alone."""
        found: set[str] = set()
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                found |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                inner = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in names else node.module for name in inner}
        return found & names - {self.name}


def modules_below(root: Path) -> list[Module]:
    """All modules of the package in the folder `root`, in the order of their paths."""
    found: list[Module] = []
    for path in sorted((root / PACKAGE).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        is_folder = parts[-1] == "__init__"
        name = ".".join(parts[:-1] if is_folder else parts)
        found.append(Module(name, path.read_text(encoding="utf-8"), is_folder))
    return found


@dataclass(frozen=True)
class ArrayTypes:
    """The names of array types: ``NDArray``, and the aliases of the package, of which a comment may state the shape."""

    with_shape: frozenset[str]
    without: frozenset[str]

    def within(self, function: Function) -> list[str]:
        """The annotations of `function`, parameters and result, that name an array."""
        arguments = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
        annotations = [function.returns, *(argument.annotation for argument in arguments)]
        texts = [ast.unparse(annotation) for annotation in annotations if annotation]
        return [text for text in texts if self._words(text) & (self.with_shape | self.without)]

    def stated(self, function: Function) -> bool:
        """Whether shape and dtype of all arrays of `function` can be read: in its docstring, or in their types."""
        text = ast.get_docstring(function) or ""
        arrays = self.within(function)
        shapes = bool(SHAPE.search(text)) or all(self._words(array) & self.with_shape for array in arrays)
        return shapes and (bool(DTYPE.search(text)) or not any("Any" in self._words(array) for array in arrays))

    @staticmethod
    def _words(text: str) -> set[str]:
        return set(re.findall(r"\w+", text))


def array_types_of(modules: list[Module]) -> ArrayTypes:
    """The array types that `modules` name."""
    found = [match for module in modules for match in ALIAS.findall(module.text)]
    stated = {name for name, comment in found if SHAPE.search(comment)}
    return ArrayTypes(frozenset(stated), frozenset({name for name, _ in found} - stated | {"NDArray", "ndarray"}))


def circles(imports: dict[str, set[str]]) -> list[list[str]]:
    """Groups of modules that import each other, directly or through others: strongly connected components (Tarjan)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(name: str) -> None:
        order[name] = low[name] = len(order)
        stack.append(name)
        for other in sorted(imports[name]):
            if other not in order:
                visit(other)
            if other in stack:
                low[name] = min(low[name], low[other])
        if low[name] == order[name]:
            group = stack[stack.index(name) :]
            del stack[stack.index(name) :]
            if len(group) > 1:
                found.append(sorted(group))

    for name in sorted(imports):
        if name not in order:
            visit(name)
    return found


@dataclass(frozen=True)
class House:
    """All modules of one state of the tree, and what is measured of them."""

    modules: list[Module]

    @cached_property
    def lines(self) -> int:
        return sum(module.length for module in self.modules)

    @cached_property
    def import_share(self) -> float:
        """Lines of imports as a share of all lines."""
        return sum(module.import_lines for module in self.modules) / self.lines

    @cached_property
    def imports(self) -> dict[str, set[str]]:
        """For each module those that it imports."""
        names = {module.name for module in self.modules}
        return {module.name: module.imported(names) for module in self.modules}

    @cached_property
    def importers(self) -> dict[str, set[str]]:
        """For each module those that import it."""
        found: dict[str, set[str]] = {name: set() for name in self.imports}
        for name, others in self.imports.items():
            for other in others:
                found[other].add(name)
        return found

    @cached_property
    def with_one_importer(self) -> dict[str, str]:
        """The modules that exactly one other imports, each with that one."""
        return {name: min(others) for name, others in self.importers.items() if len(others) == 1}

    @cached_property
    def classes_in_two_modules(self) -> list[str]:
        names = Counter(name for module in self.modules for name in module.public_classes)
        return sorted(name for name, count in names.items() if count > 1)

    @cached_property
    def circles(self) -> list[list[str]]:
        """Groups of modules that import each other; of one folder and what lies in it, the way in is no circle."""
        return circles(self.imports)

    @cached_property
    def most_imports(self) -> tuple[int, str]:
        """The most modules that one module imports, and which one does. The package itself imports its public names."""
        return max((len(others), name) for name, others in self.imports.items() if name != PACKAGE)

    @cached_property
    def function_lengths(self) -> list[int]:
        """Lines of every function, its docstring among them."""
        functions = [function for module in self.modules for function in module.functions]
        return sorted((f.end_lineno or f.lineno) - f.lineno + 1 for f in functions)

    @cached_property
    def odd_lengths(self) -> dict[str, int]:
        """The modules that are shorter or longer than what is read in one go; a folder's face may be short."""
        odd = [module for module in self.modules if module.length not in LENGTHS]
        return {m.name: m.length for m in odd if not (m.is_folder and m.length < LENGTHS.start)}

    @cached_property
    def array_functions(self) -> dict[str, bool]:
        """The public functions that take or give arrays, and whether each states shape and dtype."""
        types = array_types_of(self.modules)
        return {
            f"{module.name}.{function.name}": types.stated(function)
            for module in self.modules
            for function in module.public_functions
            if types.within(function)
        }

    @cached_property
    def stated_arrays(self) -> float:
        """The share of `array_functions` whose docstrings state shape and dtype."""
        return sum(self.array_functions.values()) / len(self.array_functions)

    def table(self) -> str:
        """The measures as lines of text: name, value, goal."""
        tenth = statistics.quantiles(self.function_lengths, n=10)
        most, which = self.most_imports
        rows = [
            ("modules", f"{len(self.modules):,}", ""),
            ("lines", f"{self.lines:,}", ""),
            ("import lines", f"{self.import_share:.1%}", "5 %"),
            ("modules with one importer", f"{len(self.with_one_importer) / len(self.modules):.1%}", "15 %"),
            ("public class names in two modules", str(len(self.classes_in_two_modules)), "0"),
            ("circles", str(len(self.circles)), "0"),
            ("most modules imported by one", f"{most} ({which})", "25"),
            ("function lines, median and p90", f"{statistics.median(self.function_lengths):.0f}, {tenth[-1]:.0f}", ""),
            ("modules not of 60 to 350 lines", str(len(self.odd_lengths)), ""),
            (
                "arrays with shape and dtype",
                f"{self.stated_arrays:.0%} of {len(self.array_functions)}",
                "100 %",
            ),
        ]
        return "\n".join(f"{name:38} {value:34} {goal}".rstrip() for name, value, goal in rows)


def house_at(root: Path) -> House:
    """The house whose package lies in the folder `root`."""
    return House(modules_below(root))


def main(arguments: list[str]) -> None:
    """Print the table, then the modules and functions behind its figures."""
    house = house_at(Path(arguments[0]) if arguments else Path(__file__).parents[2])
    silent = [name for name, stated in house.array_functions.items() if not stated]
    print(house.table())
    print("\none importer:", *(f"  {name} <- {by}" for name, by in house.with_one_importer.items()), sep="\n")
    print("\nlength:", *(f"  {name} {length}" for name, length in house.odd_lengths.items()), sep="\n")
    print("\nin two modules:", *(f"  {name}" for name in house.classes_in_two_modules), sep="\n")
    print("\ncircles:", *(f"  {' '.join(group)}" for group in house.circles), sep="\n")
    print("\narrays without shape or dtype:", *(f"  {name}" for name in silent), sep="\n")


if __name__ == "__main__":
    main(sys.argv[1:])
