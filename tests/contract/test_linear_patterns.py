"""Each regular expression takes linear time on hostile input.

The test finds expressions in the source, evaluates them in their modules, and tries them on growing inputs made of their parts.
Expressions of pydantic are left out: its engine is linear by construction.
"""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from itertools import permutations, product
from pathlib import Path
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any, Final, NamedTuple

import pytest

from connectors.sdk.mapping.column_roles import _CHANNELS, _RESTARTING, _ROLES_BY_CHANNEL
from connectors.sdk.mapping.sample_columns import PREFERRED, ROLES
from connectors.sdk.mapping.state_proposal import _STATES

ROOT: Final = Path(__file__).parents[2]
FOLDERS: Final = ("models", "connectors", "streams")
NOT_IN_OPERATION: Final = ("/simulate/", "/simulator/", "/simulating/", "/testing/", "/templates/", "/testing.py")
FLAGS_AT: Final = {"compile": 1, "match": 2, "fullmatch": 2, "search": 2, "findall": 2, "finditer": 2, "split": 3}
FLAGS_AT_ALL: Final = {**FLAGS_AT, "sub": 4, "subn": 4}
"""Functions of `re` → where their flags are given."""
ANYWHERE: Final = frozenset(FLAGS_AT_ALL) - {"compile", "match", "fullmatch"}
"""Functions that try an expression at each position of the input."""
EXAMPLES: Final = {
    ("connectors/mailroom/config.py", "pattern"): [
        r"A(?P<year>\d{4})-(?P<number>\d+)",
        r"(?P<number>\d+)(?P<year>\d{4})",
    ],
    # The administrator's own expressions:
    ("connectors/sdk/mapping/conditions.py", "pattern"): [],
    ("connectors/sdk/mapping/value_options.py", "text"): [],
    ("connectors/sdk/mapping/readers.py", "value.pattern"): [],
    ("connectors/sdk/mapping/conversions.py", "pattern"): [r"([0-9]{2})/([0-9]{2})/([0-9]{4})\ ([0-9]{2}):([0-9]{2})"],
    ("connectors/sdk/mapping/sample_columns.py", "ROLES[role]"): list(ROLES.values()),
    ("connectors/sdk/mapping/sample_columns.py", "words or ROLES[role]"): [
        *ROLES.values(),
        *PREFERRED.values(),
        *(words for roles in _ROLES_BY_CHANNEL.values() for words in roles.values()),
    ],
    ("connectors/sdk/mapping/column_roles.py", "words"): list(_CHANNELS.values()),
    ("connectors/sdk/mapping/column_roles.py", "_RESTARTING[channel]"): list(_RESTARTING.values()),
    ("connectors/sdk/mapping/state_proposal.py", "state.words"): [
        state.words for states in _STATES.values() for state in states
    ],
    ("streams/locale/error_messages.py", "pattern"): [],  # `find_expressions` finds its tables
}
"""Expressions that code builds at run time → examples of them."""
TERMINATORS: Final = ("\0", "")
SIZES: Final = ((22, 0.02), (1_000, 0.1), (4_000, 0.2))
"""Length of an input, and the processor time that proves superlinear growth."""
QUICK_SECONDS: Final = 0.0015
"""Processor time below which 4,000 characters count as linear; a quadratic expression takes 20 times as long."""
GROWTH: Final = 8
"""Limit of the growth for four times the input: linear time grows 4 times, quadratic time 16 times."""


class Expression(NamedTuple):
    """An expression and its use."""

    location: str
    pattern: Any
    flags: int
    anywhere: bool


@cache
def sources() -> dict[str, ast.Module]:
    names = [str(path.relative_to(ROOT)) for folder in FOLDERS for path in sorted((ROOT / folder).rglob("*.py"))]
    kept = [name for name in names if not any(part in f"/{name}" for part in NOT_IN_OPERATION)]
    return {name: ast.parse((ROOT / name).read_text("utf-8")) for name in kept}


def module_of(name: str) -> dict[str, Any]:
    return vars(importlib.import_module(name.removesuffix(".py").removesuffix("/__init__").replace("/", ".")))


def find_expressions() -> Iterator[Expression]:
    for name, tree in sources().items():
        owners = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
        for node in ast.walk(tree):
            if not isinstance(node, ast.Call):
                continue
            function = ast.unparse(node.func)
            if function.startswith("re.") and function[3:] in FLAGS_AT_ALL:
                yield from evaluate(name, node, function[3:], methods_of(name, node, owners))
            elif function in {"msgspec.Meta", "Meta"}:
                for keyword in node.keywords:
                    if keyword.arg == "pattern":
                        pattern = eval(ast.unparse(keyword.value), module_of(name))
                        yield Expression(f"{name}:{node.lineno}", pattern, 0, True)
            elif function == "translate_by_pattern" and "streams.locale.error_messages" in ast.unparse(tree):
                for pattern in eval(ast.unparse(node.args[0]), module_of(name)):
                    yield Expression(f"{name}:{node.lineno} {pattern}", pattern, 0, False)


def evaluate(name: str, node: ast.Call, function: str, methods: set[str]) -> Iterator[Expression]:
    code = ast.unparse(node.args[0])
    patterns = EXAMPLES[name, code] if (name, code) in EXAMPLES else [eval(code, module_of(name))]
    nodes = [keyword.value for keyword in node.keywords if keyword.arg == "flags"]
    nodes += node.args[FLAGS_AT_ALL[function] :][:1]
    flags = int(eval(ast.unparse(nodes[0]), module_of(name))) if nodes else 0
    anywhere = bool((methods if function == "compile" else {function}) & ANYWHERE)
    for pattern in patterns:
        yield Expression(f"{name}:{node.lineno}", pattern, flags, anywhere)


def methods_of(name: str, node: ast.Call, owners: dict[ast.AST, ast.AST]) -> set[str]:
    """Return the methods that code calls on a compiled expression; all possible ones if its name is unknown."""
    owner = owners[node]
    if isinstance(owner, ast.Attribute):
        return {owner.attr}
    target, trees = "", [sources()[name]]
    if isinstance(owner, ast.Assign | ast.AnnAssign):
        target = ast.unparse(owner.targets[0] if isinstance(owner, ast.Assign) else owner.target)
        trees = trees if target.startswith("_") else [*sources().values()]
    used = {
        used_node.attr
        for tree in trees
        for used_node in ast.walk(tree)
        if isinstance(used_node, ast.Attribute) and target in {"", ast.unparse(used_node.value).rpartition(".")[2]}
    }
    return used & (FLAGS_AT_ALL.keys() - {"" if target else "split"}) or set(ANYWHERE)  # texts have `split` too


def find_member(members: Iterable[Any]) -> str:
    """Return a character of a class."""
    matching = re.compile(f"[{''.join(spell(*member) for member in members)}]", re.DOTALL)
    return next(
        (char for char in map(chr, [*range(33, 127), *range(33), *range(127, 512)]) if matching.match(char)), "a"
    )


def spell(kind: Any, value: Any) -> str:
    match str(kind):
        case "NEGATE":
            return "^"
        case "LITERAL":
            return re.escape(chr(value))
        case "RANGE":
            return f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        case _:
            return {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}[
                str(value).removeprefix("CATEGORY_").removeprefix("NOT_")
            ]


class Parts:
    """Parts of hostile inputs for one expression."""

    def __init__(self, parsed: Any) -> None:
        self.characters: dict[str, None] = {}
        self.pumps: dict[tuple[str, str], None] = {}
        """Beginning, and text to repeat after it."""
        self.whole = self.walk(parsed, "")

    def walk(self, parsed: Any, before: str) -> str:
        """Return a text that matches `parsed` after `before`, and record its parts."""
        text = ""
        for kind, value in parsed:
            text += self.match(str(kind), value, before + text)
        return text

    def match(self, kind: str, value: Any, before: str) -> str:  # noqa: C901
        """Return a text that matches one element."""
        match kind:
            case "LITERAL":
                character = chr(value)
            case "NOT_LITERAL":
                character = "b" if value == ord("a") else "a"
            case "IN":
                for member in value:
                    if str(member[0]) != "NEGATE":
                        self.characters[find_member([member])] = None
                character = find_member(value)
            case "ANY":
                character = "a"
            case "BRANCH":
                return max((self.walk(one, before) for one in value[1]), key=len)
            case "SUBPATTERN":
                return self.walk(value[3], before)
            case "ATOMIC_GROUP":
                return self.walk(value, before)
            case "MAX_REPEAT" | "MIN_REPEAT" | "POSSESSIVE_REPEAT":
                least, most, body = value
                once = self.walk(body, before)
                if most > 50:
                    self.pumps[before, once] = None
                return once * min(max(least, 1), 20)
            case "ASSERT" | "ASSERT_NOT":
                self.walk(value[1], before)
                return ""
            case _:
                return ""
        self.characters[character] = None
        return character

    def inputs(self) -> Iterator[Callable[[int], str]]:
        """Yield functions that return an input of a given length."""
        few = list(self.characters)[:6]
        once = [("", one) for one in [*list(self.characters)[:14], *map("".join, permutations(few, 2)), self.whole]]
        pumped = [(before, one + more) for (before, one), more in product(self.pumps, ["", *few]) if one]
        for (before, one), end in product(dict.fromkeys([*once, *pumped]), TERMINATORS):
            if one:
                yield lambda size, before=before, one=one, end=end: before + one * (size // len(one)) + end  # type: ignore[misc]


def seconds(run: Callable[[Any], object], text: Any, times: int = 1) -> float:
    """Return the shortest processor time that an input takes."""
    measured = []
    for _ in range(times):
        began_at = time.thread_time()
        run(text)
        measured.append(time.thread_time() - began_at)
    return min(measured)


def slow_input(expression: Expression) -> str:
    """Return the beginning of an input with superlinear time; empty if none is found."""
    compiled = re.compile(expression.pattern, expression.flags)
    source = compiled.pattern
    is_text = isinstance(source, str)
    parts = Parts(parser.parse(source if is_text else source.decode("latin-1"), compiled.flags & ~re.UNICODE))

    def run(text: Any) -> object:
        return compiled.sub(text[:0], text) if expression.anywhere else (compiled.match(text), compiled.fullmatch(text))

    for make in parts.inputs():
        texts = [
            text if is_text else text.encode("latin-1", "replace") for text in map(make, (22, 1_000, 4_000, 16_000))
        ]
        for text, (_, most) in zip(texts, SIZES, strict=False):
            if (took := seconds(run, text)) > most and seconds(run, text) > most:
                return repr(text[:60])
        if (
            took > QUICK_SECONDS
            and seconds(run, texts[3], 3) > GROWTH * seconds(run, texts[2], 3) > GROWTH * QUICK_SECONDS
        ):
            return repr(texts[3][:60])
    return ""


ALL: Final = sorted({expression.location: expression for expression in find_expressions()}.values())


def test_expressions_are_found() -> None:
    files = {expression.location.partition(":")[0] for expression in ALL}
    assert len(ALL) > 50
    assert {
        "streams/runtime/logs.py",
        "models/ids.py",
        "streams/runtime/console.py",
        "connectors/kiosk/waiting_room.py",
    } <= files


@pytest.mark.parametrize("expression", ALL, ids=lambda expression: expression.location)
def test_each_expression_takes_linear_time_on_hostile_input(expression: Expression) -> None:
    assert not slow_input(expression)


@pytest.mark.parametrize(
    ("pattern", "anywhere"),
    [
        (r"""[^\s@<>"'()=:,;]+@[^\s@<>"'()=:,;]+\.[A-Za-z]{2,}""", True),
        (r"\s+$", True),
        (r"(?:a+)+b", False),
        (r"^\s*([^\[\]#]+?)\s*\]$", False),
        (rb"[a-z]+;", True),
    ],
)
def test_superlinear_expression_is_found(pattern: Any, anywhere: bool) -> None:
    assert slow_input(Expression("", pattern, 0, anywhere))
