"""Reads of global settings, and holders of configuration per thread, task or context."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping

from codemods.verify.defects import Defect
from codemods.verify.model import PACKAGE, Module, dotted, first_line

DECLARED: Mapping[str, str] = {
    "dspy": "the public names configure, context and settings are bound here",
    "dspy.dsp.utils": "hands the names of its settings module on",
    "dspy.dsp.utils.settings": "the home of Settings and of the process's default object",
    "dspy.utils.callback_context.ACTIVE_CALL_ID": "the ancestry of a callback's call, which is no configuration",
    "dspy.utils.callback.ACTIVE_CALL_ID": "the same, where releases before 3.3 have it",
    "dspy.utils.callback_context._ACTIVE_COMPILES": "the optimizers at work, so that a nested compile is told once",
    "dspy.clients._deprecation._adapter_call": "the call of an adapter's that a warning is about",
    "dspy.clients.call_context._adapter_calls": "whether the calls under way have streamed something, for retries",
    "dspy.clients.capabilities._planning": "what is known of a model's capabilities during one call of an adapter",
    "dspy.teleprompt.teleprompt._COMPILED": "the optimizer whose copy compiles, which its callbacks are told of",
    "dspy.teleprompt.isolation._OURS": "the compiles that another one is a part of, which work on the same object",
    "dspy.utils.forwards._FORWARDS": "the programs that a task traces, which is no configuration",
    "dspy.utils.turns._held": "the turns a task and those below it have, which is no configuration",
}
"""Modules and names that may touch global settings or hold a context variable, each with the reason."""

_SETTINGS_NAMES = ("settings", "configure", "context", "load_settings")
_GLOBAL_SETTINGS = frozenset(
    f"{home}.{name}"
    for home in (PACKAGE, f"{PACKAGE}.dsp.utils", f"{PACKAGE}.dsp.utils.settings")
    for name in _SETTINGS_NAMES
)
_OLD_STATE = frozenset({"thread_local_overrides", "main_thread_config"})
_HOLDERS = frozenset({"threading.local", "contextvars.ContextVar"})


def global_settings(module: Module, declared: Mapping[str, str]) -> Iterator[Defect]:
    """Finds every use of the global settings, on a call path or not, that is not declared."""
    if module.name in declared:
        return
    for node in module.nodes:
        if isinstance(node, ast.Name | ast.Attribute) and _is_global_settings(module, node):
            yield Defect(module.path, node.lineno, "settings", f"reads the global `{ast.unparse(node)}`")
        elif isinstance(node, ast.Name | ast.alias) and _name(node) in _OLD_STATE:
            message = "uses upstream's store of settings per thread and task"
            yield Defect(module.path, node.lineno, "settings", message)
        elif isinstance(node, ast.Call) and _holds_state(module, node, declared):
            message = f"`{first_line(node)}` could hold configuration of a thread, task or context"
            yield Defect(module.path, node.lineno, "settings", message)


def _holds_state(module: Module, node: ast.Call, declared: Mapping[str, str]) -> bool:
    return dotted(module, node.func) in _HOLDERS and _owner(module, node) not in declared


def _is_global_settings(module: Module, node: ast.Name | ast.Attribute) -> bool:
    root: ast.expr = node
    while isinstance(root, ast.Attribute):
        root = root.value
    if not isinstance(node.ctx, ast.Load) or not isinstance(root, ast.Name):
        return False
    if dotted(module, node) not in _GLOBAL_SETTINGS or module.is_local(root) or _is_path_to_class(module, node):
        return False
    # `settings.context` is reported once, as a read of `settings`.
    return not (isinstance(node, ast.Attribute) and dotted(module, node.value) in _GLOBAL_SETTINGS)


def _is_path_to_class(module: Module, node: ast.AST) -> bool:
    """Whether `dspy.dsp.utils.settings` is but the path to a class in the module of that name."""
    parent = module.parents.get(node)
    return isinstance(parent, ast.Attribute) and parent.attr[:1].isupper()


def _name(node: ast.Name | ast.alias) -> str:
    return node.id if isinstance(node, ast.Name) else node.name


def _owner(module: Module, node: ast.AST) -> str:
    """The top-level name a value is bound to, with its module."""
    for above in module.enclosing(node):
        target = above.targets[0] if isinstance(above, ast.Assign) else getattr(above, "target", None)
        if isinstance(above, ast.Assign | ast.AnnAssign) and isinstance(target, ast.Name):
            return f"{module.name}.{target.id}"
    return module.name
