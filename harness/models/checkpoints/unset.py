"""What a chat template writes and nothing sets: Jinja puts nothing in its place, without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING

from jinja2 import TemplateError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import ImmutableSandboxedEnvironment

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

OF_TRANSFORMERS = frozenset(
    {"messages", "tools", "documents", "add_generation_prompt", "strftime_now", "raise_exception"}
)
"""What transformers tells every template, beside the special tokens."""
GENERATED = re.compile(r"\{%-?\s*(?:end)?generation\s*-?%\}")
"""What transformers lets a template put around what a model writes."""


@lru_cache(maxsize=16)
def written_unset(template: str, variables: frozenset[str] = frozenset()) -> list[str]:
    """Variables that a template writes as they are, that it does not ask for, and nothing sets.

    >>> written_unset("Today is {{ today }}. {{ bos_token }}", frozenset({"bos_token"}))
    ['today']
    >>> written_unset("{% if today is defined %}{{ today }}{% endif %}{{ x | default(1) }}")
    []

    Args:
        template: its text; one that cannot be read writes nothing here.
        variables: further ones that it is given.
    """
    environment = ImmutableSandboxedEnvironment(extensions=["jinja2.ext.loopcontrols"])
    try:
        tree = environment.parse(GENERATED.sub("", template))
    except TemplateError:  # said where it is rendered
        return []
    unset = find_undeclared_variables(tree) - OF_TRANSFORMERS - variables - set(_asked_for(tree))
    parts = (part for output in tree.find_all(nodes.Output) for part in output.nodes)
    written = (name for part in parts for name in _names(part))
    return [name for name in dict.fromkeys(written) if name in unset]


def notes_on_unset(tokenizer: PreTrainedTokenizerBase, name: str) -> list[str]:
    """A sentence on what a tokenizer's template writes and nothing sets; none where all is set.

    Args:
        tokenizer: with the template.
        name: what the user called the model.
    """
    template = tokenizer.chat_template
    text = template.get("default", "") if isinstance(template, dict) else template or ""
    unset = written_unset(text, frozenset(tokenizer.special_tokens_map))
    if not unset:
        return []
    return [
        f"the chat template of model={name!r} writes {' and '.join(map(repr, unset))}, which "
        f"nothing sets, so that nothing stands there; backend.template_args.{unset[0]}=TEXT sets it"
    ]


def _asked_for(tree: nodes.Template) -> Iterator[str]:
    """Variables of which a template asks whether they are there."""
    for check in tree.find_all(nodes.Test):
        if check.name in ("defined", "undefined", "none"):
            yield from _names(check.node)
    asked = [*(step.test for step in tree.find_all(nodes.If))]
    for test in [*asked, *(choice.test for choice in tree.find_all(nodes.CondExpr))]:
        yield from (name.name for name in test.find_all(nodes.Name))
        yield from _names(test)


def _names(node: nodes.Node) -> Iterator[str]:
    """Variables whose texts are a part of what an expression gives."""
    if isinstance(node, nodes.Name):
        yield node.name
    elif isinstance(node, nodes.Add):
        yield from (*_names(node.left), *_names(node.right))
    elif isinstance(node, nodes.Concat):
        yield from (name for part in node.nodes for name in _names(part))
    elif isinstance(node, nodes.Filter) and node.node and node.name not in ("default", "d"):
        yield from _names(node.node)
