"""Programs that use the async package. `python -m examples` lists them and runs them without a model."""
