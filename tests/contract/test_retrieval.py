"""Embedders, retrievers, nearest neighbours and ColBERT servers."""

import dspy
import numpy as np
import pytest
from dspy.dsp.utils.utils import dotdict
from dspy.utils.unbatchify import Unbatchify

from tests.support.model_server import embed, rate_limited

CORPUS = ["red apples", "green pears", "blue sky", "red roses"]
COLORS = ("red", "green", "blue")


def by_color(texts):
    """One dimension for each colour, and one for the rest."""
    return np.array([[float(color in text) for color in COLORS] + [0.1] for text in texts], dtype=np.float32)


class TestEmbedder:
    def test_a_list_and_a_single_text(self):
        embedder = dspy.Embedder(by_color)
        assert embedder(["red", "blue"]).tolist() == by_color(["red", "blue"]).tolist()
        assert embedder("red").shape == (4,)
        assert embedder(["red"]).dtype == np.float32

    @pytest.mark.parametrize(("size", "batches"), [(2, [2, 2, 1]), (10, [5]), (1, [1] * 5)])
    def test_batches(self, size, batches):
        seen = []

        def watch(texts):
            seen.append(len(texts))
            return by_color(texts)

        assert dspy.Embedder(watch, batch_size=size, caching=False)(list("abcde")).shape == (5, 4)
        assert seen == batches

    def test_the_size_of_batches_for_one_call(self):
        seen = []

        def watch(texts):
            seen.append(len(texts))
            return by_color(texts)

        dspy.Embedder(watch, caching=False)(list("abc"), batch_size=2)
        assert seen == [2, 1]

    def test_a_function_is_cached(self):
        seen = []

        def watch(texts):
            seen.append(texts)
            return by_color(texts).tolist()

        embedder = dspy.Embedder(watch)
        assert embedder(["red"]).tolist() == embedder(["red"]).tolist()
        assert len(seen) == 1
        embedder(["red"], caching=False)
        assert len(seen) == 2

    def test_keywords_reach_the_function(self):
        def scaled(texts, by=1):
            return by_color(texts) * by

        embedder = dspy.Embedder(scaled, caching=False, by=2)
        assert embedder(["red"])[0][0] == 2.0
        assert embedder(["red"], by=3)[0][0] == 3.0

    def test_a_hosted_model(self, server):
        embedder = dspy.Embedder("openai/e", caching=False, api_base=server.url, api_key="key")
        found = embedder(["abc", "xyz"])
        assert np.allclose(found, [embed("abc"), embed("xyz")])
        assert server.requests[0].body["input"] == ["abc", "xyz"]

    def test_a_hosted_model_is_cached(self, server):
        embedder = dspy.Embedder("openai/e", api_base=server.url, api_key="key")
        assert embedder(["abc"]).tolist() == embedder(["abc"]).tolist()
        assert len(server.requests) == 1

    def test_a_hosted_model_that_fails(self, server):
        server.on(rate_limited())
        with pytest.raises(Exception, match="slow down"):
            dspy.Embedder("openai/e", caching=False, api_base=server.url, api_key="key", num_retries=0)(["abc"])

    @pytest.mark.parametrize("inputs", [[1, 2], [None]])
    def test_only_texts_are_embedded(self, inputs):
        with pytest.raises(ValueError, match="must be strings"):
            dspy.Embedder(by_color)(inputs)

    def test_a_model_that_is_neither_name_nor_function(self):
        with pytest.raises(ValueError, match="must be a string or a callable"):
            dspy.Embedder(7, caching=False)(["a"])


class TestEmbeddings:
    def test_the_nearest_come_first(self):
        found = dspy.Embeddings(corpus=CORPUS, embedder=dspy.Embedder(by_color), k=2)("something red")
        assert found.passages == ["red apples", "red roses"]
        assert found.indices == [0, 3]

    def test_with_scores(self):
        found = dspy.EmbeddingsWithScores(corpus=CORPUS, embedder=dspy.Embedder(by_color), k=3)("blue")
        assert found.passages[0] == "blue sky"
        assert found.scores[0] == pytest.approx(1.0)
        assert found.scores == sorted(found.scores, reverse=True)

    def test_without_normalizing_longer_vectors_win(self):
        def weighted(texts):
            return np.array([[float(len(text))] for text in texts], dtype=np.float32)

        found = dspy.Embeddings(corpus=["a", "aaa", "aa"], embedder=weighted, k=1, normalize=False)("q")
        assert found.passages == ["aaa"]

    def test_saved_and_loaded(self, tmp_path):
        embedder = dspy.Embedder(by_color)
        dspy.Embeddings(corpus=CORPUS, embedder=embedder, k=2).save(str(tmp_path / "index"))
        loaded = dspy.Embeddings.from_saved(str(tmp_path / "index"), embedder)
        assert loaded("green").passages[0] == "green pears"
        assert (loaded.k, loaded.corpus) == (2, CORPUS)

    def test_loaded_into_another(self, tmp_path):
        embedder = dspy.Embedder(by_color)
        dspy.Embeddings(corpus=CORPUS, embedder=embedder, k=1).save(str(tmp_path / "index"))
        other = dspy.Embeddings(corpus=["x"], embedder=embedder, k=1)
        other.load(str(tmp_path / "index"), embedder)
        assert other("blue").passages == ["blue sky"]

    def test_nothing_saved_there(self, tmp_path):
        with pytest.raises(FileNotFoundError):
            dspy.Embeddings.from_saved(str(tmp_path / "none"), by_color)

    def test_in_a_program(self):
        search = dspy.Embeddings(corpus=CORPUS, embedder=dspy.Embedder(by_color), k=1)

        class Rag(dspy.Module):
            def forward(self, question):
                return dspy.Prediction(context=search(question).passages)

        assert Rag()(question="green?").context == ["green pears"]


class TestRetrieve:
    def test_the_retriever_of_the_settings_is_asked(self):
        asked = []

        def rm(query, k, **kwargs):
            asked.append((query, k, kwargs))
            return [dotdict(long_text=f"{query} {n}") for n in range(k)]

        with dspy.context(rm=rm):
            assert dspy.Retrieve(k=2)("sky").passages == ["sky 0", "sky 1"]
            assert dspy.Retrieve(k=2)("sky", k=1, lang="en").passages == ["sky 0"]
        assert asked == [("sky", 2, {}), ("sky", 1, {"lang": "en"})]

    def test_a_single_passage_is_made_a_list(self):
        class Only:
            long_text = "only"

        def rm(query, k):
            return Only()

        with dspy.context(rm=rm):
            assert dspy.Retrieve()("x").passages == ["only"]

    def test_without_a_retriever(self):
        with dspy.context(rm=None):
            with pytest.raises(AssertionError, match="No RM is loaded"):
                dspy.Retrieve()("x")

    def test_the_state_is_the_number(self):
        retrieve = dspy.Retrieve(k=7)
        other = dspy.Retrieve()
        other.load_state(retrieve.dump_state())
        assert other.k == 7

    def test_a_dummy_retriever(self):
        rm = dspy.utils.dummy_rm(passages=["cats and dogs", "trains and planes"])
        with dspy.context(rm=rm):
            assert dspy.Retrieve(k=1)("cats").passages == ["cats and dogs"]


class TestNearestNeighbours:
    def examples(self):
        return [dspy.Example(question=text, answer=str(n)).with_inputs("question") for n, text in enumerate(CORPUS)]

    def test_the_nearest_examples(self):
        knn = dspy.KNN(k=2, trainset=self.examples(), vectorizer=dspy.Embedder(by_color))
        assert [one.answer for one in knn(question="red")] == ["3", "0"]

    def test_inputs_are_embedded_with_their_names(self):
        seen = []

        def watch(texts):
            seen.extend(texts)
            return by_color(texts)

        dspy.KNN(k=1, trainset=self.examples(), vectorizer=dspy.Embedder(watch))(question="sky", tone="blue")
        assert "question: red apples" in seen
        assert seen[-1] == "question: sky | tone: blue"


class TestColBERT:
    @pytest.fixture
    def colbert(self, monkeypatch):
        """What a ColBERT server is asked; its answers are two passages."""
        import requests

        asked = []

        class Response:
            def __init__(self, body):
                self.body = body

            def raise_for_status(self):
                pass

            def json(self):
                return self.body

        passages = {
            "topk": [{"text": "one", "long_text": "one", "score": 2}, {"text": "two", "long_text": "two", "score": 1}]
        }

        def get(url, params=None, timeout=None):
            asked.append(("get", url, params))
            return Response({"error": True, "message": "index is gone"} if params["query"] == "bad" else passages)

        def post(url, json=None, headers=None, timeout=None):
            asked.append(("post", url, json))
            return Response({} if json["query"] == "bad" else passages)

        monkeypatch.setattr(requests, "get", get)
        monkeypatch.setattr(requests, "post", post)
        return asked

    def test_passages_with_their_scores(self, colbert):
        found = dspy.ColBERTv2(url="http://colbert")("sky", k=1)
        assert [(one.long_text, one["score"]) for one in found] == [("one", 2)]
        assert colbert == [("get", "http://colbert", {"query": "sky", "k": 1})]

    def test_texts_only_and_by_post(self, colbert):
        assert dspy.ColBERTv2(url="http://colbert", port=80, post_requests=True)("sky", simplify=True) == ["one", "two"]
        assert colbert == [("post", "http://colbert:80", {"query": "sky", "k": 10})]

    def test_answers_are_cached(self, colbert):
        search = dspy.ColBERTv2(url="http://colbert")
        assert search("sea") == search("sea")
        assert len(colbert) == 1

    @pytest.mark.parametrize(("post", "message"), [(False, "index is gone"), (True, "unexpected response")])
    def test_an_error_of_the_server(self, colbert, post, message):
        with pytest.raises(ValueError, match=message):
            dspy.ColBERTv2(url="http://colbert", post_requests=post)("bad")

    def test_as_the_retriever_of_the_settings(self, colbert):
        with dspy.context(rm=dspy.ColBERTv2(url="http://colbert")):
            assert dspy.Retrieve(k=2)("moon").passages == ["one", "two"]


def test_single_calls_go_into_one_batch_function():
    def lengths(texts):
        return [len(text) for text in texts]

    single = Unbatchify(lengths, max_batch_size=2, max_wait_time=0.01)
    assert (single("abc"), single("")) == (3, 0)


def test_an_error_in_a_batch_reaches_who_asked():
    def fails(texts):
        raise LookupError("no such text")

    single = Unbatchify(fails, max_wait_time=0.01)
    with pytest.raises(LookupError, match="no such text"):
        single("abc")
