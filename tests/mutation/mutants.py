# SPDX-License-Identifier: Apache-2.0
"""Changes of one operator, constant or condition, made by Cosmic Ray's operators, and a sample of them."""

from __future__ import annotations

import difflib
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cosmic_ray import plugins  # type: ignore[import-untyped]
from cosmic_ray.ast import ast_nodes, get_ast  # type: ignore[import-untyped]
from cosmic_ray.mutating import mutate_code  # type: ignore[import-untyped]

# Left out: `|` (in annotations it is no operator), `is` for `==` (the same for small values), removed
# decorators and renamed variables (they fail at import, whatever the tests hold).
_OPERATORS = re.compile(
    r"core/(?:"
    r"ReplaceComparisonOperator_(?:Eq_NotEq|NotEq_Eq|Lt_LtE|Lt_GtE|LtE_Lt|LtE_Gt|Gt_GtE|Gt_LtE|GtE_Gt|GtE_Lt"
    r"|Is_IsNot|IsNot_Is)"
    r"|ReplaceBinaryOperator_(?:Add_Sub|Sub_Add|Mul_Div|Div_Mul|FloorDiv_Mul|Mod_Mul|Pow_Mul|LShift_RShift"
    r"|RShift_LShift|BitAnd_BitOr)"
    r"|ReplaceUnaryOperator_(?:Delete_USub|Delete_Not)"
    r"|AddNot|ReplaceTrueWithFalse|ReplaceFalseWithTrue|ReplaceAndWithOr|ReplaceOrWithAnd"
    r"|ReplaceBreakWithContinue|ReplaceContinueWithBreak|NumberReplacer|ZeroIterationForLoop"
    r")"
)

_FORMS = ("frozen=True", ", *,", '__name__ == "__main__"', ", strict=True)")
"""The last is zip's, which states that two sequences are of one length and changes nothing where they are."""
_KEYWORDS_BEGIN = re.compile(r"^\s*\*,$", re.MULTILINE)


@dataclass(frozen=True, order=True)
class Mutant:
    """One change of one module: the occurrence of an operator, counted as Cosmic Ray does."""

    path: Path
    operator: str
    occurrence: int

    def source(self) -> str | None:
        """The module's text with the change; None when the operator left it as it is.

        None as well for what the type checker holds and no test does: `frozen=True`, the `*` of a signature.
        """
        original = self.path.read_text()
        changed: str | None = mutate_code(original, _operator(self.operator), self.occurrence)
        return None if changed is None or _is_form(original, changed) else changed

    def change(self) -> tuple[str, str]:
        """What was changed into what: the lines that differ, stripped. What a reviewed mutant is known by."""
        lines = difflib.ndiff(self.path.read_text().splitlines(), (self.source() or "").splitlines())
        marked = [line for line in lines if line[:2] in ("- ", "+ ")]
        return tuple(  # type: ignore[return-value]
            " ".join(line[2:].strip() for line in marked if line.startswith(sign)) for sign in "-+"
        )

    def line(self) -> int:
        """The number of the first line that differs, from 1."""
        pairs = zip(self.path.read_text().splitlines(), (self.source() or "").splitlines(), strict=False)
        return next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 0)


def mutants_of(path: Path) -> list[Mutant]:
    """Every mutant of a module, in a fixed order."""
    tree = get_ast(path.read_text())
    found = []
    for name in sorted(filter(_OPERATORS.fullmatch, plugins.operator_names())):
        operator = _operator(name)
        positions = sum(len(list(operator.mutation_positions(node))) for node in ast_nodes(tree))
        found += [Mutant(path, name, occurrence) for occurrence in range(positions)]
    return found


def sample(paths: Iterable[Path], count: int, seed: str) -> Sequence[Mutant]:
    """`count` mutants of the modules at most, each drawn once; the same for the same seed and sources."""
    every = sorted(mutant for path in paths for mutant in mutants_of(path))
    return random.Random(seed).sample(every, min(count, len(every)))


def _is_form(original: str, changed: str) -> bool:
    if changed == original or any(changed.count(form) != original.count(form) for form in _FORMS):
        return True
    return len(_KEYWORDS_BEGIN.findall(changed)) != len(_KEYWORDS_BEGIN.findall(original))


def _operator(name: str):  # type: ignore[no-untyped-def]  # noqa: ANN202
    return plugins.get_operator(name)()
