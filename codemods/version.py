"""The version of the toolchain, written into every `sync.lock`."""

__version__ = "0.1.0"
