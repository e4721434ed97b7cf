"""Caching: in memory, on disk, keys, rollouts, what is left out, and caching functions of one's own."""

import dspy
import pytest
from dspy.clients.cache import Cache, request_cache

from tests.contract.support import QA, fields, lm_at


@pytest.fixture
def disk(tmp_path):
    """A cache on disk and in memory."""
    dspy.configure_cache(enable_disk_cache=True, enable_memory_cache=True, disk_cache_dir=str(tmp_path / "cache"))
    yield tmp_path / "cache"
    dspy.cache.disk_cache.close()


def test_the_second_call_is_not_sent(server):
    server.script("four")
    lm = lm_at(server, cache=True)
    assert lm("2+2?") == lm("2+2?") == ["four"]
    assert len(server.requests) == 1


def test_a_hit_costs_no_tokens(server):
    server.script("four")
    lm = lm_at(server, cache=True)
    lm("2+2?")
    lm("2+2?")
    assert [bool(entry["usage"]) for entry in lm.history] == [True, False]
    assert lm.history[1]["response"].cache_hit


@pytest.mark.parametrize("change", [{"temperature": 0.9}, {"max_tokens": 3}, {"stop": ["x"]}, {"rollout_id": 1}])
def test_another_parameter_is_another_entry(server, change):
    server.script("a", "b")
    lm = lm_at(server, cache=True, temperature=0.5)
    assert (lm("x"), lm("x", **change), lm("x", **change), lm("x")) == (["a"], ["b"], ["b"], ["a"])


def test_a_rollout_is_not_sent_to_the_provider(server):
    server.script("a")
    lm_at(server, cache=True, temperature=1.0)("x", rollout_id=7)
    assert "rollout_id" not in server.requests[0].body


def test_keys_and_addresses_do_not_count(server):
    server.script("a")
    assert lm_at(server, cache=True)("x") == lm_at(server, cache=True, api_key="other")("x") == ["a"]
    assert len(server.requests) == 1


def test_without_cache_each_call_is_sent(server):
    server.script("a", "b", "c")
    lm = lm_at(server)
    assert (lm("x"), lm("x")) == (["a"], ["b"])
    assert lm_at(server, cache=True)("x", cache=False) == ["c"]


def test_errors_are_not_cached(server):
    from tests.support.model_server import server_error

    server.script(server_error(), "a")
    lm = lm_at(server, cache=True)
    with pytest.raises(dspy.LMServerError):
        lm("x")
    assert lm("x") == ["a"]


def test_what_is_changed_in_an_answer_does_not_change_the_cache(server):
    server.script("a")
    lm = lm_at(server, cache=True)
    lm("x")
    lm("x")
    lm.history[1]["response"].choices[0].message.content = "spoiled"
    assert lm("x") == ["a"]


def test_the_disk_outlives_the_memory(server, disk):
    server.script("a")
    lm = lm_at(server, cache=True)
    lm("x")
    dspy.cache.reset_memory_cache()
    assert lm("x") == ["a"]
    assert len(server.requests) == 1


def test_another_cache_of_the_same_folder(server, disk):
    server.script("a")
    lm_at(server, cache=True)("x")
    dspy.cache.disk_cache.close()
    dspy.configure_cache(enable_disk_cache=True, enable_memory_cache=False, disk_cache_dir=str(disk))
    assert lm_at(server, cache=True)("x") == ["a"]
    assert len(server.requests) == 1


def test_both_caches_off(server):
    server.script("a", "b")
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
    lm = lm_at(server, cache=True)
    assert (lm("x"), lm("x")) == (["a"], ["b"])


def test_programs_share_the_cache(server):
    server.script(fields(answer="4"))
    with dspy.context(lm=lm_at(server, cache=True)):
        assert QA()(question="x").answer == QA()(question="x").answer == "4"
    assert len(server.requests) == 1


@pytest.mark.parametrize("kind", ["text", "responses"])
def test_other_apis_are_cached_too(server, kind):
    server.script("a")
    lm = lm_at(server, model_type=kind, cache=True)
    assert lm("x") == lm("x")
    assert len(server.requests) == 1


def test_memory_is_saved_and_loaded(server, tmp_path):
    server.script("a")
    lm = lm_at(server, cache=True)
    lm("x")
    dspy.cache.save_memory_cache(str(tmp_path / "memory.pkl"))
    dspy.cache.reset_memory_cache()
    with pytest.raises(ValueError, match="allow_pickle"):
        dspy.cache.load_memory_cache(str(tmp_path / "memory.pkl"))
    dspy.cache.load_memory_cache(str(tmp_path / "memory.pkl"), allow_pickle=True)
    assert lm("x") == ["a"]


class TestTheCacheItself:
    def test_put_and_get(self):
        cache = Cache(enable_disk_cache=False, enable_memory_cache=True, disk_cache_dir=None)
        cache.put({"prompt": "x"}, {"answer": 1})
        assert cache.get({"prompt": "x"}) == {"answer": 1}
        assert cache.get({"prompt": "y"}) is None
        assert cache.cache_key({"prompt": "x"}) in cache

    def test_keys_do_not_depend_on_order_and_leave_out_what_is_told(self):
        cache = Cache(enable_disk_cache=False, enable_memory_cache=True, disk_cache_dir=None)
        assert cache.cache_key({"a": 1, "b": 2}) == cache.cache_key({"b": 2, "a": 1})
        assert cache.cache_key({"a": 1, "b": 2}, ["b"]) == cache.cache_key({"a": 1})
        assert len(cache.cache_key({"a": 1})) == 64

    def test_the_oldest_entry_goes_first(self):
        cache = Cache(enable_disk_cache=False, enable_memory_cache=True, disk_cache_dir=None, memory_max_entries=2)
        for n in range(3):
            cache.put({"n": n}, n + 10)
        assert [cache.get({"n": n}) for n in range(3)] == [None, 11, 12]

    @pytest.mark.parametrize("entries", [0, -1, None])
    def test_a_memory_of_no_size_is_refused(self, entries):
        with pytest.raises(ValueError, match="memory_max_entries"):
            Cache(enable_disk_cache=False, enable_memory_cache=True, disk_cache_dir=None, memory_max_entries=entries)

    def test_functions_of_ones_own_are_cached(self):
        calls = []

        @request_cache()
        def double(n, api_key=None):
            calls.append(n)
            return [n * 2]

        assert double(n=2) == double(n=2, api_key="other") == [4]
        assert double(n=3) == [6]
        assert calls == [2, 3]

    def test_the_request_of_one_argument(self):
        calls = []

        @request_cache(cache_arg_name="request", ignored_args_for_cache_key=["trace"])
        def ask(request, retries):
            calls.append(retries)
            return {"text": request["text"]}

        ask(request={"text": "a", "trace": 1}, retries=1)
        assert ask(request={"text": "a", "trace": 2}, retries=2) == {"text": "a"}
        assert calls == [1]
