"""What tests patch, and how they ask what a mock was called with."""

from tests.support.migration import assert_migrated


def test_patches_of_a_renamed_function_name_the_coroutine_and_return_a_plain_mock() -> None:
    assert_migrated(
        """
        from unittest import mock
        from unittest.mock import patch

        def calls():
            with mock.patch("litellm.completion") as completion:
                assert completion.return_value.choices
            with patch("litellm.completion"):
                pass
        """,
        """
        from unittest import mock
        from unittest.mock import patch

        def calls():
            with mock.patch("litellm.acompletion", return_value=mock.MagicMock()) as completion:
                assert completion.return_value.choices
            with patch("litellm.acompletion", return_value=mock.MagicMock()):
                pass
        """,
    )


def test_a_patch_that_is_told_what_to_return_keeps_it() -> None:
    assert_migrated(
        """
        from unittest.mock import patch

        def calls():
            with patch("litellm.completion", return_value=1):
                pass
            with patch("litellm.completion") as completion:
                completion.return_value = 1
            with patch("litellm.completion") as completion:
                completion.side_effect = [1, 2]
        """,
        """
        from unittest.mock import patch

        def calls():
            with patch("litellm.acompletion", return_value=1):
                pass
            with patch("litellm.acompletion") as completion:
                completion.return_value = 1
            with patch("litellm.acompletion") as completion:
                completion.side_effect = [1, 2]
        """,
    )


def test_one_of_several_effects_may_be_what_the_patch_returns_otherwise() -> None:
    assert_migrated(
        """
        from unittest.mock import patch

        def calls():
            with patch("litellm.completion") as completion:
                completion.side_effect = [ValueError("once"), completion.return_value]
        """,
        """
        from unittest.mock import MagicMock, patch

        def calls():
            with patch("litellm.acompletion", return_value=MagicMock()) as completion:
                completion.side_effect = [ValueError("once"), completion.return_value]
        """,
    )


def test_functions_put_in_a_renamed_function_s_place_become_coroutines() -> None:
    assert_migrated(
        """
        import litellm

        def fake(**kwargs):
            return {}

        def other(**kwargs):
            return {}

        def calls(monkeypatch):
            monkeypatch.setattr(litellm, "completion", fake)
            monkeypatch.setattr("litellm.completion", other)
            litellm.completion = fake
        """,
        """
        import litellm

        async def fake(**kwargs):
            return {}

        async def other(**kwargs):
            return {}

        def calls(monkeypatch):
            monkeypatch.setattr(litellm, "acompletion", fake)
            monkeypatch.setattr("litellm.acompletion", other)
            litellm.acompletion = fake
        """,
    )


def test_a_patch_of_a_twin_s_name_patches_the_function_that_is_called() -> None:
    assert_migrated(
        """
        from unittest.mock import patch

        def calls():
            with patch("dspy.predict.agent.acomplete", side_effect=ValueError):
                pass
            with patch("dspy.predict.agent.Agent.aforward", return_value=1):
                pass
        """,
        """
        from unittest.mock import patch

        def calls():
            with patch("dspy.predict.agent.complete", side_effect=ValueError):
                pass
            with patch("dspy.predict.agent.Agent.forward", return_value=1):
                pass
        """,
    )


def test_a_method_that_objects_are_given_another_function_for_is_patched_by_its_name() -> None:
    code = """
    from unittest.mock import patch

    def calls():
        with patch("dspy.predict.agent.Agent.forward", return_value=1):
            pass
    """
    assert_migrated(code, code)


def test_mocks_that_stand_for_coroutines_are_asynchronous_and_were_called_with_settings() -> None:
    assert_migrated(
        """
        from unittest.mock import Mock

        import dspy

        def test_agent():
            agent = dspy.Agent()
            agent.think = Mock(return_value="thought")
            agent(question="why")
            agent.think.assert_called_once_with(question="why")
            assert agent.think.call_args.args[0] == "why"
            assert agent.think.call_args_list[1][0][2] == "why"
            assert agent.think.call_args.kwargs["question"] == "why"
        """,
        """
        from unittest.mock import ANY, AsyncMock

        import dspy
        import pytest

        @pytest.mark.asyncio
        async def test_agent():
            agent = dspy.Agent()
            agent.think = AsyncMock(return_value="thought")
            await agent(dspy.settings, question="why")
            agent.think.assert_called_once_with(ANY, question="why")
            assert agent.think.call_args.args[1] == "why"
            assert agent.think.call_args_list[1][0][3] == "why"
            assert agent.think.call_args.kwargs["question"] == "why"
        """,
    )


def test_mocks_of_other_things_stay_as_they_are() -> None:
    code = """
        from unittest.mock import MagicMock, Mock, patch

        import dspy

        def judge():
            reward = Mock(return_value=True)
            response = MagicMock()
            with patch("requests.get", return_value=response) as get:
                get.assert_called_once_with("there")
                assert get.call_args.args[0] == "there"
            reward.assert_called_once_with(1)
            return dspy.Agent(reward=reward)
        """
    assert_migrated(code, code)


def test_what_is_specified_and_wrapped_is_called_as_an_effect() -> None:
    assert_migrated(
        """
        from unittest.mock import patch

        import litellm

        def calls():
            with patch("litellm.completion", autospec=True, wraps=litellm.completion) as spy:
                spy.assert_called_once()
        """,
        """
        from unittest.mock import patch

        import litellm

        def calls():
            with patch("litellm.acompletion", autospec=True, side_effect=litellm.acompletion) as spy:
                spy.assert_called_once()
        """,
    )
