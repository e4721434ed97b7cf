"""DSPy programs in upstream's sync form, with what must come of them.

They are run as they stand on upstream's package, and migrated on the generated one: see docs/contract.md. Nothing here
knows of the async package.
"""
