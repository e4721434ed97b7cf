"""Search in a few notes."""

from search.index import Index
from search.pipeline import RAG

__all__ = ["RAG", "Index"]
