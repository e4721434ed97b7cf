from unittest import mock
from unittest.mock import MagicMock, Mock, patch

import dspy
import pytest
import pytest_asyncio
from dspy.utils import DummyLM

import part


@pytest.fixture
def lm():
    return DummyLM([{"a": "1"}, {"a": "2"}])


@pytest.fixture
def program(lm):
    dspy.configure(lm=lm)
    program = part.Mod()
    yield program
    dspy.configure(lm=None)


@pytest_asyncio.fixture(scope="module")
async def answered():
    with dspy.context(lm=DummyLM([{"a": "1"}])) as inner_settings:
        return (await part.Mod()(inner_settings, q="x")).a


class TestMod:
    @classmethod
    def setup_class(cls):
        cls.mod = part.Mod()

    def setup_method(self):
        self.n = 1

    @pytest.mark.asyncio
    @pytest.mark.parametrize("q", ["a", "b"])
    async def test_it(self, program, q):
        assert (await program(dspy.settings, q=q)).a == "1"

    @pytest.mark.asyncio
    async def test_raises(self, lm):
        with pytest.raises(ValueError, match="x"):
            with dspy.context(lm=lm) as inner_settings:
                await self.mod(inner_settings, wrong=1)

    @pytest.mark.asyncio
    async def test_raises_call(self, lm):
        with pytest.raises(ValueError):
            await self.mod(dspy.settings, wrong=1)
        with pytest.raises(TypeError):
            await self.mod(dspy.settings, 1)


@pytest.mark.asyncio
async def test_patch_helper():
    with patch("part.sync_helper", return_value="no") as helper:
        assert await part.sync_helper(dspy.settings, "x") == "no"
    helper.assert_called_once_with(mock.ANY, "x")


@pytest.mark.asyncio
@patch("part.qa", new_callable=mock.AsyncMock)
async def test_patch_decorator(qa):
    qa.return_value = dspy.Prediction(a="5")
    assert await part.sync_helper(dspy.settings, "x") == "5"
    qa.assert_called_once_with(mock.ANY, q="x")


@pytest.mark.asyncio
async def test_litellm():
    with mock.patch("litellm.acompletion") as completion:
        completion.return_value = {"choices": [{"message": {"content": "hi"}}]}
        lm = dspy.LM("openai/x", cache=False)
        await lm(dspy.settings, "hello")
        assert completion.call_args.kwargs["messages"]


@pytest.mark.asyncio
async def test_mock_metric(program):
    metric = MagicMock(side_effect=lambda ex, pred, trace=None: 1.0)
    ev = dspy.Evaluate(devset=[dspy.Example(q="x").with_inputs("q")], metric=metric)
    assert (await ev(dspy.settings, program)).score == 100
    assert metric.call_count == 1


def test_mock_lm(program):
    fake = mock.AsyncMock()
    fake.forward = Mock(return_value=["x"])
    program.p.lm = fake


@pytest.mark.skip(reason="slow")
def test_skipped(answered):
    assert answered == "1"


@pytest.mark.asyncio
async def test_async(program):
    assert (await program.acall(dspy.settings, q="x")).a == "1"
