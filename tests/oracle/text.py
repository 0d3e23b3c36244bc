"""IR text to verified IR, for tests."""

from __future__ import annotations

from xdsl.context import Context
from xdsl.dialects.builtin import Builtin, ModuleOp
from xdsl.dialects.func import Func
from xdsl.parser import Parser

from relbo_ir.dialects.dist import Dist
from relbo_ir.dialects.estim import Estim
from relbo_ir.dialects.lax import Lax
from relbo_ir.dialects.prob import Prob
from relbo_ir.dialects.rng import Rng
from relbo_ir.dialects.scopes import verify_module


def context() -> Context:
    """An xDSL context with every dialect that a program of ours may use."""
    result = Context()
    for dialect in (Builtin, Func, Prob, Dist, Lax, Estim, Rng):
        result.load_dialect(dialect)
    return result


def parse_module(text: str) -> ModuleOp:
    """The module that the text stands for; raises xDSL's errors where it is no valid one."""
    module = Parser(context(), text).parse_module()
    verify_module(module)
    return module
