"""What every test of the contract starts from: default settings, an empty cache, no history."""

import copy

import dspy
import pytest
from dspy.clients.base_lm import GLOBAL_HISTORY
from dspy.dsp.utils.settings import DEFAULT_CONFIG

from tests.support.model_server import ModelServer


@pytest.fixture(autouse=True)
def fresh_dspy():
    """Settings, cache and history as in a new process."""
    cache = dspy.cache
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=True)
    GLOBAL_HISTORY.clear()
    yield
    dspy.configure(**copy.deepcopy(DEFAULT_CONFIG))
    dspy.cache = cache


@pytest.fixture(scope="session")
def running_server():
    """One model server for the whole run: starting it takes longer than most tests."""
    with ModelServer() as running:
        yield running


@pytest.fixture
def server(running_server):
    """The model server without rules and requests; a request that no rule answered fails the test."""
    running_server.reset()
    yield running_server
    assert not running_server.unanswered, [request.last[-300:] for request in running_server.unanswered]
    running_server.reset()
