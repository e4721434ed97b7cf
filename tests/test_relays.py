"""Functions that a thread was to call, or the event loop for a thread."""

import pytest

from tests.support.migration import assert_migrated


@pytest.mark.parametrize(
    ("module", "call"), [("asyncio", "asyncio.to_thread"), ("anyio.to_thread", "anyio.to_thread.run_sync")]
)
def test_a_coroutine_function_needs_no_worker_thread(module: str, call: str) -> None:
    assert_migrated(
        f"""
        import {module}

        import dspy

        agent = dspy.Agent()

        async def answer(question):
            return await {call}(agent, question)
        """,
        """

        import dspy

        agent = dspy.Agent()

        async def answer(settings: dspy.Settings, question):
            return await agent(settings, question)
        """,
    )


def test_what_a_thread_had_the_loop_run_is_awaited() -> None:
    assert_migrated(
        """
        import anyio.from_thread

        import dspy

        class Program(dspy.Module):
            def forward(self, question):
                async def send():
                    await dspy.settings.stream.send(question)

                anyio.from_thread.run(send)
                return question
        """,
        """

        import dspy

        class Program(dspy.Module):
            async def forward(self, settings: dspy.Settings, question):
                async def send(settings: dspy.Settings):
                    await settings.stream.send(question)

                await send(settings)
                return question
        """,
    )


def test_what_blocks_stays_in_its_thread() -> None:
    code = """
        import asyncio
        import time

        import dspy

        agent = dspy.Agent()

        def wait(seconds):
            time.sleep(seconds)

        async def answer():
            await asyncio.to_thread(wait, 1)
        """
    assert_migrated(code, code)


def test_the_default_is_changed_and_not_the_settings_that_are_handed_on() -> None:
    assert_migrated(
        """
        import dspy

        agent = dspy.Agent()

        def choose(lm):
            dspy.settings.configure(lm=lm)
            return agent(question=dspy.settings.question)
        """,
        """
        import dspy

        agent = dspy.Agent()

        async def choose(settings: dspy.Settings, lm):
            dspy.settings.configure(lm=lm)
            return await agent(settings, question=settings.question)
        """,
    )


def test_calls_that_have_nothing_to_do_with_the_library_are_not_reported() -> None:
    code = """
        def render(view, template, forward):
            view.forward(template.format(1))
            return forward()
        """
    assert_migrated(code, code)


def test_unknown_calls_beside_the_library_are_reported() -> None:
    code = """
        import dspy

        def run(optimizer, text):
            text.format(1)
            Unbound(dspy.Agent)
            return optimizer.forward(text)
        """
    assert_migrated(code, code, findings=["6: unresolved"])
