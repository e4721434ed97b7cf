"""Customer service for a small shop."""
