# ruff: noqa: F821 - names of the function that it stands in
from __future__ import annotations

import dspy
from dspy.utils.exceptions import format_error_for_lm
from dspy.utils.tasks import map_limited


# --- patch ---
async def llm_query_batched(settings, prompts: list[str]) -> list[str]:
    """Ask the LLM all the prompts, several at a time. An error of the LM is the answer to its prompt."""
    if not prompts:
        return []
    _check_and_increment(len(prompts))

    async def query(prompt: str) -> str:
        try:
            return await _query_lm(settings, prompt)
        except dspy.LMError as e:
            return f"[ERROR] {format_error_for_lm(e)}"

    return await map_limited(query, prompts, max_workers)
